import { describe, expect, it } from 'vitest';
import { RetryableError } from '../../../../core/environment/errors.ts';
import { readTimeline } from '../../../../core/incidents/incidents.ts';
import { type EvidenceRecord, readEvidence } from '../../../../core/remediation/evidence/evidence.ts';
import { hostScript, hostTools } from '../../../../core/remediation/evidence/host-tools.ts';
import type { ActPorts, PhaseResult } from '../../../../core/remediation/phase.ts';
import { evidence } from '../../../../core/remediation/phases/evidence.ts';
import type { Remediation } from '../../../../core/remediation/record.ts';
import { capturedVolume, instanceFacts, NOW } from '../builders.ts';
import { createWorld, OLD, testScope } from '../world.ts';
import { answered, type Answers, denied, done, failed, openStage, ran, refusing, type Stage, type StageSeed, storeCapture, throttled, wait } from './stage.ts';

interface Scene extends Pick<Stage, 'world' | 'heard'> {
  /** One look. */
  readonly look: (answers?: Answers) => Promise<PhaseResult>;
  /** Looks as the driver would, again after its waits. */
  readonly toTheEnd: (answers?: Answers) => Promise<PhaseResult>;
  readonly kept: () => Promise<EvidenceRecord | undefined>;
}

async function onStage(spec: Readonly<Record<string, unknown>> = {}, seed: StageSeed = {}): Promise<Scene> {
  const { world, heard, run } = await openStage({ spec, ...seed });
  const look: Scene['look'] = async (answers) => run(evidence, answers);
  const toTheEnd: Scene['toTheEnd'] = async (answers) => {
    for (let looks = 0; looks < 100; looks += 1) {
      const result = await look(answers);
      if (result.kind !== 'wait') return result;
      world.clock.advance(result.seconds);
    }
    throw new Error('it waited for ever');
  };
  return { world, heard, look, toTheEnd, kept: async () => (await readEvidence(world.store, testScope, 'inc-1'))[0] };
}

const report = [
  ...hostTools.map(({ name }) => `=== perennial:${name}\n${name === 'sar' ? '=== perennial-absent' : `${name} for kim@example.com`}`),
  '=== perennial:/var/log/app.log\nERROR x',
].join('\n');

describe('evidence before harm', () => {
  it('keeps the console, the host tools and the error lines, masked, in a record of its own, and says what is absent (S4-33)', async () => {
    const { world, toTheEnd, kept } = await onStage({ logFiles: ['/var/log/app.log', '/var/log/none.log'], accessLogs: [] });
    world.region.commands.bringOnline(OLD, () => report);
    expect(await toTheEnd()).toMatchObject({ kind: 'done' });
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
    const { world, toTheEnd, kept } = await onStage();
    expect(await toTheEnd()).toMatchObject({ kind: 'done' });
    expect(world.region.commands.runs()).toEqual([]);
    expect((await kept())?.absent).toEqual(['host tools (Systems Manager does not reach the instance)']);
  });

  it('waits a bounded time for a host that does not answer', async () => {
    const { world, toTheEnd, kept } = await onStage();
    world.region.commands.bringOnline(OLD, () => undefined);
    const before = world.clock.now();
    expect(await toTheEnd()).toMatchObject({ kind: 'done' });
    expect((Date.parse(world.clock.now()) - Date.parse(before)) / 1000).toBeLessThanOrEqual(47);
    expect((await kept())?.absent).toEqual(['host tools (no answer within 45 s)']);
  });

  it('has nothing to collect from one that is gone', async () => {
    const { world, toTheEnd, kept } = await onStage();
    world.region.setState(OLD, 'terminated', 'by hand');
    expect(await toTheEnd()).toMatchObject(done('i-old is gone; there is nothing to collect'));
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
    const { toTheEnd } = await onStage({ evidenceRequired });
    expect((await toTheEnd(changes)).kind).toBe(kind);
  });

  it('stops when the host is reached but says nothing, not when nobody reaches it', async () => {
    const { world, toTheEnd } = await onStage({ evidenceRequired: true });
    world.region.commands.bringOnline(OLD, () => undefined);
    expect(await toTheEnd()).toMatchObject(failed('The policy requires evidence before i-old is touched; not to be had: host tools (no answer within 45 s)'));
  });

  it('keeps what there was before it stops', async () => {
    const { toTheEnd, kept } = await onStage({ evidenceRequired: true });
    await toTheEnd(noConsole);
    expect((await kept())?.absent).toContain('console output (EC2 has none)');
  });
});

describe('a piece that fails', () => {
  it('is noted when it will never work', async () => {
    const { world, toTheEnd, kept } = await onStage();
    world.region.commands.bringOnline(OLD);
    expect(await toTheEnd({ commands: { start: denied } })).toMatchObject({ kind: 'done' });
    expect((await kept())?.absent).toEqual(['host tools (AccessDenied)']);
  });

  it('is waited for while it is throttled, but not for ever', async () => {
    const { world, toTheEnd, kept } = await onStage();
    await expect(toTheEnd({ evidence: { collect: throttled } })).rejects.toThrow(RetryableError);
    world.clock.advance(91);
    expect(await toTheEnd({ evidence: { collect: throttled } })).toMatchObject({ kind: 'done' });
    expect((await kept())?.absent).toContain('console output (RequestLimitExceeded)');
  });
});

const snapshotting: Answers = {
  snapshots: {
    take: async (_instanceId, volumeIds) => volumeIds.map((volumeId) => ({ snapshotId: `snap-${volumeId}`, volumeId, state: 'pending', startedAt: NOW })),
  },
};

async function withVolumes(spec: Readonly<Record<string, unknown>>, calls: Remediation['calls'] = {}): Promise<Scene> {
  const captured = await storeCapture(createWorld(), { volumes: [capturedVolume(), capturedVolume({ volumeId: 'vol-data', isRoot: false })] });
  return onStage(spec, { record: { calls }, answers: { captures: { capture: async () => captured } } });
}

describe('a snapshot as evidence', () => {
  it('is begun for all volumes where the policy says so, once', async () => {
    const { toTheEnd, heard, kept } = await withVolumes({ snapshotEvidence: true });
    await toTheEnd(snapshotting);
    await toTheEnd(snapshotting);
    const tags = { 'perennial:system': 'shop-web', 'perennial:remediation': 'rem-1', 'perennial:evidence-of': 'inc-1' };
    expect(heard('snapshots')).toEqual([['snapshots.take', OLD, ['vol-root', 'vol-data'], tags]]);
    expect((await kept())?.snapshotIds).toEqual(['snap-vol-root', 'snap-vol-data']);
  });

  it('is told beside the items, and is missing nowhere', async () => {
    const { toTheEnd, kept } = await withVolumes({ snapshotEvidence: true, evidenceRequired: true });
    const absent = ['host tools (Systems Manager does not reach the instance)'];
    expect(await toTheEnd(snapshotting)).toEqual(done(`Kept: console output, snap-vol-root, snap-vol-data. Not to be had: ${absent.join(', ')}.`));
    expect((await kept())?.absent).toEqual(absent);
  });

  it.for([
    ['EC2 refuses', { snapshots: { take: denied } }, {}, 'snapshot (AccessDenied)'],
    ['EC2 gives none of', { snapshots: { take: async () => [] } }, {}, 'snapshot (EC2 gave none)'],
    ['was taken, and nobody knows its id,', snapshotting, answered({ 'evidence-snapshot': {} }), 'snapshot (EC2 gave none)'],
  ] as const)('that %s stops the repair where evidence is required', async ([, answers, calls, missing]) => {
    const { toTheEnd } = await withVolumes({ snapshotEvidence: true, evidenceRequired: true }, calls);
    expect(await toTheEnd(answers)).toEqual(failed(`The policy requires evidence before i-old is touched; not to be had: ${missing}`));
  });

  it('is not taken otherwise; one that fails stops the repair only where evidence is required', async () => {
    const { toTheEnd, heard } = await withVolumes({});
    await toTheEnd(snapshotting);
    expect(heard('snapshots')).toEqual([]);
    const failing = { snapshots: { take: denied } };
    expect((await (await withVolumes({ snapshotEvidence: true })).toTheEnd(failing)).kind).toBe('done');
    expect((await (await withVolumes({ snapshotEvidence: true, evidenceRequired: true })).toTheEnd(failing)).kind).toBe('failed');
  });
});

const noFiles = { logFiles: [], accessLogs: [] };
const responsive: ActPorts['commands'] = {
  isOnline: async () => true,
  start: async () => ({ commandId: 'command-1' }),
  read: async () => ({ state: 'ended', exitCode: 0, output: report, errors: '' }),
};
const silent: ActPorts['commands'] = { ...responsive, read: async () => ({ state: 'running' }) };

describe('the time that evidence may take', () => {
  it('is for the host 45 s from the start of its command, looked at every 2 s', async () => {
    const { world, look } = await onStage();
    const waiting = wait('i-old has not answered yet', 2);
    expect(await look({ commands: silent })).toEqual(waiting);
    world.clock.advance(44.999);
    expect(await look({ commands: silent })).toEqual(waiting);
    world.clock.advance(0.001);
    expect(await look({ commands: silent })).toEqual(done('Kept: console output. Not to be had: host tools (no answer within 45 s).'));
  });

  it('is 90 s for a throttle, from the beginning of the phase', async () => {
    const { world, look } = await onStage();
    const answers = { evidence: { collect: throttled } };
    world.clock.advance(89.999);
    await expect(look(answers)).rejects.toThrow(new RetryableError('RequestLimitExceeded'));
    world.clock.advance(0.001);
    expect((await look(answers)).reason).toBe(
      'Nothing could be kept. Not to be had: console output (RequestLimitExceeded), host tools (Systems Manager does not reach the instance).',
    );
  });

  it('is no matter to what is a bug: that is never taken for a piece which cannot be had', async () => {
    const { world, look } = await onStage();
    world.clock.advance(1000);
    await expect(look({ evidence: { collect: refusing(new TypeError('a bug')) } })).rejects.toThrow(new TypeError('a bug'));
  });
});

describe('what the host is asked', () => {
  it('is one command, with the files that the policy names', async () => {
    const { look, heard } = await onStage({ logFiles: ['/var/log/app.log'], accessLogs: ['/var/log/nginx/access.log'] });
    await look({ commands: silent });
    // Its agent may fall silent meanwhile: the command is under way.
    expect((await look({ commands: { ...silent, isOnline: async () => false } })).kind).toBe('wait');
    const script = hostScript({ logFiles: ['/var/log/app.log'], accessLogs: ['/var/log/nginx/access.log'] });
    expect(heard('commands.start')).toEqual([['commands.start', OLD, { name: 'perennial: read-only evidence', script, timeoutSeconds: 45 }]]);
  });

  it('is looked for under the id of its command', async () => {
    const { look, heard } = await onStage();
    await look({ commands: silent });
    expect(heard('commands.read')).toEqual([['commands.read', OLD, 'command-1']]);
  });

  it.for([
    [
      'whose answer holds nothing of what was asked',
      { ...responsive, read: async () => ({ state: 'ended', exitCode: -1, output: '', errors: '' }) },
      toolsSilent(),
    ],
    ['whose command has no id', 'no id', 'host tools (the command has no id)'],
  ] as const satisfies readonly (readonly [string, ActPorts['commands'] | 'no id', string])[])(
    'fails where evidence is required and the host is one %s',
    async ([, commands, missing]) => {
      const { look } = await onStage(
        { evidenceRequired: true, ...noFiles },
        commands === 'no id' ? { record: { calls: answered({ 'evidence-command': {} }) } } : {},
      );
      expect(await look({ commands: commands === 'no id' ? responsive : commands })).toEqual(
        failed(`The policy requires evidence before i-old is touched; not to be had: ${missing}`),
      );
    },
  );

  it('is evidence enough where only some of it is there', async () => {
    const { look } = await onStage({ evidenceRequired: true });
    expect((await look({ commands: responsive })).kind).toBe('done');
  });
});

/** What the eight tools are said to be when the host wrote nothing. */
function toolsSilent(): string {
  return hostTools.map(({ name }) => `${name} (no answer)`).join(', ');
}

describe('evidence that is kept', () => {
  it('is a record with everything in it, masked as its system wants it, and a line of the timeline', async () => {
    const { world, look, kept } = await onStage({ snapshotEvidence: true }, { system: { dataProtection: { personalData: true } } });
    const evidencePort = { collect: async (_id: string, collectedAt: string) => ({ collectedAt, consoleOutput: 'panic of 198.51.100.9', absent: [] }) };
    const captures = { capture: async () => undefined };
    const result = await look({ evidence: evidencePort, snapshots: { take: denied }, captures });
    const absent = ['host tools (Systems Manager does not reach the instance)', 'snapshot (the instance has no volumes)'];
    expect(result).toEqual(done(`Kept: console output. Not to be had: ${absent.join(', ')}.`));
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
    const { look } = await onStage(noFiles);
    const all = report.replace('=== perennial-absent', 'sar says');
    const commands: ActPorts['commands'] = { ...responsive, read: async () => ({ state: 'ended', exitCode: 0, output: all, errors: '' }) };
    expect((await look({ commands })).reason).toBe(`Kept: console output, ${hostTools.map(({ name }) => name).join(', ')}.`);
  });

  it.for([
    ['stopped for its evidence', {}, 'failed'],
    ['not stopped', { evidenceRequired: false }, 'done'],
  ] as const)('by a repair that is %s: only what is wanted and missing is named', async ([, spec, kind]) => {
    const { look } = await onStage({ evidenceRequired: true, ...spec });
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
    const { look, kept } = await onStage({}, { record: { phases: [ran('evidence')] } });
    expect(await look()).toEqual(done('Kept before the first way was tried'));
    expect(await kept()).toBeUndefined();
  });

  it.for([
    ['that failed', 'evidence', 'failed'],
    ['that did other things', 'guard', 'done'],
  ] as const)('by an earlier way %s is taken again', async ([, name, outcome]) => {
    const { look, kept } = await onStage({}, { record: { phases: [ran(name, outcome)] } });
    expect((await look()).reason).toBe('Kept: console output. Not to be had: host tools (Systems Manager does not reach the instance).');
    expect((await kept())?.items.map(({ name: item }) => item)).toEqual(['console output']);
  });

  it('of a long console is its end', async () => {
    const { look, kept } = await onStage();
    const evidencePort = {
      collect: async (_id: string, collectedAt: string) => ({ collectedAt, consoleOutput: `first${'.'.repeat(20_000)}last`, absent: [] }),
    };
    await look({ evidence: evidencePort });
    expect((await kept())?.items).toEqual([{ name: 'console output', text: `${'.'.repeat(15_996)}last`, isCut: true }]);
  });

  it.for([['terminated'], ['shutting-down'], [undefined]] as const)('cannot be taken from one that is %s', async ([state]) => {
    const { look, kept } = await onStage();
    const instances = { read: async () => (state === undefined ? undefined : instanceFacts({ state })) };
    expect(await look({ instances })).toEqual(done('i-old is gone; there is nothing to collect'));
    expect(await kept()).toBeUndefined();
  });
});
