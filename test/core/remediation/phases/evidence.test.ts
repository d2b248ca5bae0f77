import { describe, expect, it } from 'vitest';
import { type System, systemSchema } from '../../../../core/catalog/schema.ts';
import { PermanentError, RetryableError } from '../../../../core/environment/errors.ts';
import { readTimeline } from '../../../../core/incidents/incidents.ts';
import { type EvidenceRecord, readEvidence } from '../../../../core/remediation/evidence/evidence.ts';
import { hostScript, hostTools } from '../../../../core/remediation/evidence/host-tools.ts';
import type { ActPorts, PhaseResult } from '../../../../core/remediation/phase.ts';
import { evidence } from '../../../../core/remediation/phases/evidence.ts';
import { type Remediation, remediationType } from '../../../../core/remediation/record.ts';
import { RemediationSession } from '../../../../core/remediation/driver/session.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord } from '../../../../core/records/record-type.ts';
import { instanceFacts, NOW, remediationOf } from '../builders.ts';
import { createWorld, driverPorts, OLD, testScope, type World } from '../world.ts';
import { ended } from './one-phase.ts';

interface Stage {
  readonly world: World;
  readonly ports: ActPorts;
  /** Runs the phase once. */
  readonly look: (changes?: Partial<ActPorts>, system?: System) => Promise<PhaseResult>;
  /** Runs the phase as the driver would, looking again after its waits. */
  readonly run: (changes?: Partial<ActPorts>) => Promise<PhaseResult>;
  readonly kept: () => Promise<EvidenceRecord | undefined>;
}

async function stage(spec: Readonly<Record<string, unknown>> = {}, recorded: Partial<Remediation> = {}): Promise<Stage> {
  const world = createWorld('multiple', spec);
  const ports = driverPorts(world).act;
  if (ports === undefined) throw new Error('no ports');
  const record = remediationOf({ instanceId: OLD, system: world.system, policy: world.policy, at: world.clock.now() }, recorded);
  await createRecord(world.store, remediationType, keys.remediation(testScope, record.id), record);
  const look = async (changes: Partial<ActPorts> = {}, system = world.system): Promise<PhaseResult> => {
    const session = await RemediationSession.open(world.store, world.clock, testScope, record.id);
    if (session === undefined) throw new Error('no session');
    return evidence({ ports: { ...ports, ...changes }, session, system, policy: world.policy });
  };
  return {
    world,
    ports,
    look,
    run: async (changes) => {
      for (let looks = 0; looks < 100; looks += 1) {
        const result = await look(changes);
        if (result.kind !== 'wait') return result;
        world.clock.advance(result.seconds);
      }
      throw new Error('it waited for ever');
    },
    kept: async () => (await readEvidence(world.store, testScope, 'inc-1'))[0],
  };
}

const report = [
  ...hostTools.map(({ name }) => `=== perennial:${name}\n${name === 'sar' ? '=== perennial-absent' : `${name} for kim@example.com`}`),
  '=== perennial:/var/log/app.log\nERROR x',
].join('\n');

describe('evidence before harm', () => {
  it('keeps the console, the host tools and the error lines, masked, in a record of its own, and says what is absent (S4-33)', async () => {
    const { world, run, kept } = await stage({ logFiles: ['/var/log/app.log', '/var/log/none.log'], accessLogs: [] });
    world.region.commands.bringOnline(OLD, () => report);
    expect(await run()).toMatchObject({ kind: 'done' });
    const record = await kept();
    expect(record?.items.map(({ name }) => name)).toEqual(['console output', 'vmstat', 'mpstat', 'iostat', 'ss', 'free', 'top', 'ping', '/var/log/app.log']);
    expect(record?.absent).toEqual(['sar (not there)', '/var/log/none.log (no answer)']);
    expect(JSON.stringify(record)).not.toContain('kim@example.com');
    const timeline = await readTimeline(world.store, testScope, 'inc-1');
    expect(timeline.map(({ kind, text }) => [kind, text])).toEqual([
      [
        'evidence',
        'Evidence of i-old. Kept: console output, vmstat, mpstat, iostat, ss, free, top, ping, /var/log/app.log. Not to be had: sar (not there), /var/log/none.log (no answer).',
      ],
    ]);
    expect(world.region.commands.runs()).toHaveLength(1);
    expect(world.region.commands.runs()[0]?.script.script).toContain('/var/log/none.log');
  });

  it('runs nothing on a host that Systems Manager does not reach, and says so', async () => {
    const { world, run, kept } = await stage();
    expect(await run()).toMatchObject({ kind: 'done' });
    expect(world.region.commands.runs()).toEqual([]);
    expect((await kept())?.absent).toEqual(['host tools (Systems Manager does not reach the instance)']);
  });

  it('waits a bounded time for a host that does not answer', async () => {
    const { world, run, kept } = await stage();
    world.region.commands.bringOnline(OLD, () => undefined);
    const before = world.clock.now();
    expect(await run()).toMatchObject({ kind: 'done' });
    expect((Date.parse(world.clock.now()) - Date.parse(before)) / 1000).toBeLessThanOrEqual(47);
    expect((await kept())?.absent).toEqual(['host tools (no answer within 45 s)']);
  });

  it('has nothing to collect from one that is gone', async () => {
    const { world, run, kept } = await stage();
    world.region.setState(OLD, 'terminated', 'by hand');
    expect(await run()).toMatchObject({ kind: 'done', reason: 'i-old is gone; there is nothing to collect' });
    expect(await kept()).toBeUndefined();
  });
});

const noConsole = { evidence: { collect: async (_id: string, at: string) => ({ collectedAt: at, absent: ['console output (EC2 has none)'] }) } };

describe('evidence that the policy requires', () => {
  it.each([
    ['the console', noConsole, true, 'failed'],
    ['the console', noConsole, false, 'done'],
    ['nothing', {}, true, 'done'],
  ] as const)('without %s, %#: %s', async (_what, changes, evidenceRequired, kind) => {
    const { run } = await stage({ evidenceRequired });
    expect((await run(changes)).kind).toBe(kind);
  });

  it('stops when the host is reached but says nothing, not when nobody reaches it', async () => {
    const { world, run } = await stage({ evidenceRequired: true });
    world.region.commands.bringOnline(OLD, () => undefined);
    expect(await run()).toMatchObject({
      kind: 'failed',
      reason: 'The policy requires evidence before i-old is touched; not to be had: host tools (no answer within 45 s)',
    });
  });

  it('keeps what there was before it stops', async () => {
    const { run, kept } = await stage({ evidenceRequired: true });
    await run(noConsole);
    expect((await kept())?.absent).toContain('console output (EC2 has none)');
  });
});

describe('a piece that fails', () => {
  it('is noted when it will never work', async () => {
    const { world, ports, run, kept } = await stage();
    world.region.commands.bringOnline(OLD);
    const commands = {
      isOnline: ports.commands.isOnline.bind(ports.commands),
      read: ports.commands.read.bind(ports.commands),
      start: async () => Promise.reject(new PermanentError('AccessDenied')),
    };
    expect(await run({ commands })).toMatchObject({ kind: 'done' });
    expect((await kept())?.absent).toEqual(['host tools (AccessDenied)']);
  });

  it('is waited for while it is throttled, but not for ever', async () => {
    const { world, run, kept } = await stage();
    const throttled = { evidence: { collect: async () => Promise.reject(new RetryableError('RequestLimitExceeded')) } };
    await expect(run(throttled)).rejects.toThrow(RetryableError);
    world.clock.advance(91);
    expect(await run(throttled)).toMatchObject({ kind: 'done' });
    expect((await kept())?.absent).toContain('console output (RequestLimitExceeded)');
  });
});

const snapshots = (taken: { readonly volumeIds: readonly string[]; readonly tags: Readonly<Record<string, string>> }[]): Pick<ActPorts, 'snapshots'> => ({
  snapshots: {
    take: async (_instanceId, volumeIds, tags) => {
      taken.push({ volumeIds, tags });
      return volumeIds.map((volumeId) => ({ snapshotId: `snap-${volumeId}`, volumeId, state: 'pending', startedAt: '2026-11-21T09:00:00.000Z' }));
    },
    read: async () => [],
  },
});

async function withVolumes(spec: Readonly<Record<string, unknown>>, recorded: Partial<Remediation> = {}): Promise<Stage> {
  const made = await stage(spec, recorded);
  const capture = await made.ports.captures.capture(OLD, [], made.world.clock.now(), []);
  if (capture === undefined) throw new Error('no capture');
  const volume = { deviceName: '/dev/xvda', isRoot: true, deleteOnTermination: true, sizeGiB: 8, volumeType: 'gp3', encrypted: true };
  const volumes = [
    { ...volume, volumeId: 'vol-root' },
    { ...volume, volumeId: 'vol-data', isRoot: false },
  ];
  const captures = { capture: async () => ({ ...capture, volumes }) };
  return { ...made, run: (changes) => made.run({ captures, ...changes }) };
}

describe('a snapshot as evidence', () => {
  it('is begun for all volumes where the policy says so, once', async () => {
    const { run, kept } = await withVolumes({ snapshotEvidence: true });
    const taken: { readonly volumeIds: readonly string[]; readonly tags: Readonly<Record<string, string>> }[] = [];
    await run(snapshots(taken));
    await run(snapshots(taken));
    expect(taken).toEqual([
      { volumeIds: ['vol-root', 'vol-data'], tags: { 'perennial:system': 'shop-web', 'perennial:remediation': 'rem-1', 'perennial:evidence-of': 'inc-1' } },
    ]);
    expect((await kept())?.snapshotIds).toEqual(['snap-vol-root', 'snap-vol-data']);
  });

  it('is told beside the items, and is missing nowhere', async () => {
    const { run, kept } = await withVolumes({ snapshotEvidence: true, evidenceRequired: true });
    const absent = ['host tools (Systems Manager does not reach the instance)'];
    expect(await run(snapshots([]))).toEqual({
      kind: 'done',
      reason: `Kept: console output, snap-vol-root, snap-vol-data. Not to be had: ${absent.join(', ')}.`,
    });
    expect((await kept())?.absent).toEqual(absent);
  });

  it.for([
    ['EC2 refuses', { snapshots: { take: async () => Promise.reject(new PermanentError('denied')), read: async () => [] } }, {}, 'snapshot (denied)'],
    ['EC2 gives none of', { snapshots: { take: async () => [], read: async () => [] } }, {}, 'snapshot (EC2 gave none)'],
    ['was taken, and nobody knows its id,', snapshots([]), { calls: { 'evidence-snapshot': ended() } }, 'snapshot (EC2 gave none)'],
  ] as const)('that %s stops the repair where evidence is required', async ([, ports, recorded, missing]) => {
    const { run } = await withVolumes({ snapshotEvidence: true, evidenceRequired: true }, recorded);
    expect(await run(ports)).toEqual({ kind: 'failed', reason: `The policy requires evidence before i-old is touched; not to be had: ${missing}` });
  });

  it('is not taken otherwise; one that fails stops the repair only where evidence is required', async () => {
    const taken: { readonly volumeIds: readonly string[]; readonly tags: Readonly<Record<string, string>> }[] = [];
    await (await withVolumes({})).run(snapshots(taken));
    expect(taken).toEqual([]);
    const failing = { snapshots: { take: async () => Promise.reject(new PermanentError('SnapshotCreationPerVolumeRateExceeded')), read: async () => [] } };
    expect((await (await withVolumes({ snapshotEvidence: true })).run(failing)).kind).toBe('done');
    expect((await (await withVolumes({ snapshotEvidence: true, evidenceRequired: true })).run(failing)).kind).toBe('failed');
  });
});

const noFiles = { logFiles: [], accessLogs: [] };
const COMMAND = { commandId: 'command-1' };
const answered: ActPorts['commands'] = {
  isOnline: async () => true,
  start: async () => COMMAND,
  read: async () => ({ state: 'ended', exitCode: 0, output: report, errors: '' }),
};
const silent: ActPorts['commands'] = { ...answered, read: async () => ({ state: 'running' }) };

describe('the time that evidence may take', () => {
  it('is for the host 45 s from the start of its command, looked at every 2 s', async () => {
    const { world, look } = await stage();
    const waiting = { kind: 'wait', seconds: 2, reason: 'i-old has not answered yet' };
    expect(await look({ commands: silent })).toEqual(waiting);
    world.clock.advance(44.999);
    expect(await look({ commands: silent })).toEqual(waiting);
    world.clock.advance(0.001);
    expect(await look({ commands: silent })).toEqual({
      kind: 'done',
      reason: 'Kept: console output. Not to be had: host tools (no answer within 45 s).',
    });
  });

  it('is 90 s for a throttle, from the beginning of the phase', async () => {
    const { world, look } = await stage();
    const throttled = { evidence: { collect: async () => Promise.reject(new RetryableError('throttled')) } };
    world.clock.advance(89.999);
    await expect(look(throttled)).rejects.toThrow(new RetryableError('throttled'));
    world.clock.advance(0.001);
    expect((await look(throttled)).reason).toBe(
      'Nothing could be kept. Not to be had: console output (throttled), host tools (Systems Manager does not reach the instance).',
    );
  });

  it('is no matter to what is a bug: that is never taken for a piece which cannot be had', async () => {
    const { world, look } = await stage();
    world.clock.advance(1000);
    await expect(look({ evidence: { collect: async () => Promise.reject(new TypeError('a bug')) } })).rejects.toThrow(new TypeError('a bug'));
  });
});

describe('what the host is asked', () => {
  it('is one command, with the files that the policy names', async () => {
    const { look } = await stage({ logFiles: ['/var/log/app.log'], accessLogs: ['/var/log/nginx/access.log'] });
    const started: (readonly unknown[])[] = [];
    const start = async (...words: readonly unknown[]): Promise<typeof COMMAND> => {
      started.push(words);
      return COMMAND;
    };
    await look({ commands: { ...silent, start } });
    // Its agent may fall silent meanwhile: the command is under way.
    expect((await look({ commands: { ...silent, start, isOnline: async () => false } })).kind).toBe('wait');
    const script = hostScript({ logFiles: ['/var/log/app.log'], accessLogs: ['/var/log/nginx/access.log'] });
    expect(started).toEqual([[OLD, { name: 'perennial: read-only evidence', script, timeoutSeconds: 45 }]]);
  });

  it('is looked for under the id of its command', async () => {
    const { look } = await stage();
    const asked: (readonly unknown[])[] = [];
    const read = async (...words: readonly unknown[]) => {
      asked.push(words);
      return { state: 'running' } as const;
    };
    await look({ commands: { ...silent, read } });
    expect(asked).toEqual([[OLD, 'command-1']]);
  });

  it.for([
    [
      'whose answer holds nothing of what was asked',
      { ...answered, read: async () => ({ state: 'ended', exitCode: -1, output: '', errors: '' }) },
      toolsSilent(),
    ],
    ['whose command has no id', 'no id', 'host tools (the command has no id)'],
  ] as const satisfies readonly (readonly [string, ActPorts['commands'] | 'no id', string])[])(
    'fails where evidence is required and the host is one %s',
    async ([, commands, missing]) => {
      const { look } = await stage({ evidenceRequired: true, ...noFiles }, commands === 'no id' ? { calls: { 'evidence-command': ended() } } : {});
      expect(await look({ commands: commands === 'no id' ? answered : commands })).toEqual({
        kind: 'failed',
        reason: `The policy requires evidence before i-old is touched; not to be had: ${missing}`,
      });
    },
  );

  it('is evidence enough where only some of it is there', async () => {
    const { look } = await stage({ evidenceRequired: true });
    expect((await look({ commands: answered })).kind).toBe('done');
  });
});

/** What the eight tools are said to be when the host wrote nothing. */
function toolsSilent(): string {
  return hostTools.map(({ name }) => `${name} (no answer)`).join(', ');
}

describe('evidence that is kept', () => {
  it('is a record with everything in it, masked as its system wants it, and a line of the timeline', async () => {
    const { world, look, kept } = await stage({ snapshotEvidence: true });
    const evidencePort = { collect: async (_id: string, collectedAt: string) => ({ collectedAt, consoleOutput: 'panic of 198.51.100.9', absent: [] }) };
    const system = systemSchema.parse({ ...world.system, spec: { ...world.system.spec, dataProtection: { personalData: true } } });
    const failing = { take: async () => Promise.reject(new PermanentError('denied')), read: async () => [] };
    const captures = { capture: async () => undefined };
    const result = await look({ evidence: evidencePort, snapshots: failing, captures }, system);
    const absent = ['host tools (Systems Manager does not reach the instance)', 'snapshot (the instance has no volumes)'];
    expect(result).toEqual({ kind: 'done', reason: `Kept: console output. Not to be had: ${absent.join(', ')}.` });
    expect(await kept()).toEqual({
      remediationId: 'rem-1',
      incidentId: 'inc-1',
      instanceId: OLD,
      collectedAt: NOW,
      items: [{ name: 'console output', text: 'panic of [ip]', isCut: false }],
      absent,
      snapshotIds: [],
    });
    expect(await readTimeline(world.store, testScope, 'inc-1')).toEqual([
      {
        at: NOW,
        incidentId: 'inc-1',
        eventId: 'rem-1:evidence:i-old',
        kind: 'evidence',
        text: `Evidence of i-old. Kept: console output. Not to be had: ${absent.join(', ')}.`,
      },
    ]);
  });

  it('is told without a word of absence where nothing is missing', async () => {
    const { look } = await stage(noFiles);
    const all = report.replace('=== perennial-absent', 'sar says');
    const commands: ActPorts['commands'] = { ...answered, read: async () => ({ state: 'ended', exitCode: 0, output: all, errors: '' }) };
    expect((await look({ commands })).reason).toBe(`Kept: console output, ${hostTools.map(({ name }) => name).join(', ')}.`);
  });

  it.for([
    ['stopped for its evidence', {}, 'failed'],
    ['not stopped', { evidenceRequired: false }, 'done'],
  ] as const)('by a repair that is %s: only what is wanted and missing is named', async ([, spec, kind]) => {
    const { look } = await stage({ evidenceRequired: true, ...spec });
    const result = await look(noConsole);
    expect(result).toEqual(
      kind === 'failed'
        ? { kind, reason: 'The policy requires evidence before i-old is touched; not to be had: console output (EC2 has none)' }
        : {
            kind,
            reason: 'Nothing could be kept. Not to be had: console output (EC2 has none), host tools (Systems Manager does not reach the instance).',
          },
    );
  });

  it('by an earlier way is not taken again', async () => {
    const { look, kept } = await stage({}, { phases: [{ name: 'evidence', startedAt: NOW, endedAt: NOW, outcome: 'done', reason: 'yes' }] });
    expect(await look()).toEqual({ kind: 'done', reason: 'Kept before the first way was tried' });
    expect(await kept()).toBeUndefined();
  });

  it.for([
    ['that failed', 'evidence', 'failed'],
    ['that did other things', 'guard', 'done'],
  ] as const)('by an earlier way %s is taken again', async ([, name, outcome]) => {
    const { look, kept } = await stage({}, { phases: [{ name, startedAt: NOW, endedAt: NOW, outcome, reason: 'so it was' }] });
    expect((await look()).reason).toBe('Kept: console output. Not to be had: host tools (Systems Manager does not reach the instance).');
    expect((await kept())?.items.map(({ name: item }) => item)).toEqual(['console output']);
  });

  it('of a long console is its end', async () => {
    const { look, kept } = await stage();
    const evidencePort = {
      collect: async (_id: string, collectedAt: string) => ({ collectedAt, consoleOutput: `first${'.'.repeat(20_000)}last`, absent: [] }),
    };
    await look({ evidence: evidencePort });
    expect((await kept())?.items).toEqual([{ name: 'console output', text: `${'.'.repeat(15_996)}last`, isCut: true }]);
  });

  it.for([['terminated'], ['shutting-down'], [undefined]] as const)('cannot be taken from one that is %s', async ([state]) => {
    const { ports, look, kept } = await stage();
    const instances = { ...ports.instances, read: async () => (state === undefined ? undefined : instanceFacts({ state })) };
    expect(await look({ instances })).toEqual({ kind: 'done', reason: 'i-old is gone; there is nothing to collect' });
    expect(await kept()).toBeUndefined();
  });
});
