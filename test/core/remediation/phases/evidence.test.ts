import { describe, expect, it } from 'vitest';
import { PermanentError, RetryableError } from '../../../../core/environment/errors.ts';
import { readTimeline } from '../../../../core/incidents/incidents.ts';
import { type EvidenceRecord, readEvidence } from '../../../../core/remediation/evidence/evidence.ts';
import { hostTools } from '../../../../core/remediation/evidence/host-tools.ts';
import type { ActPorts, PhaseResult } from '../../../../core/remediation/phase.ts';
import { evidence } from '../../../../core/remediation/phases/evidence.ts';
import { remediationType } from '../../../../core/remediation/record.ts';
import { RemediationSession } from '../../../../core/remediation/driver/session.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord } from '../../../../core/records/record-type.ts';
import { remediationOf } from '../builders.ts';
import { createWorld, driverPorts, OLD, testScope, type World } from '../world.ts';

interface Stage {
  readonly world: World;
  readonly ports: ActPorts;
  /** Runs the phase as the driver would, looking again after its waits. */
  readonly run: (changes?: Partial<ActPorts>) => Promise<PhaseResult>;
  readonly kept: () => Promise<EvidenceRecord | undefined>;
}

async function stage(spec: Readonly<Record<string, unknown>> = {}): Promise<Stage> {
  const world = createWorld('multiple', spec);
  const ports = driverPorts(world).act;
  if (ports === undefined) throw new Error('no ports');
  const record = remediationOf({ instanceId: OLD, system: world.system, policy: world.policy, at: world.clock.now() });
  await createRecord(world.store, remediationType, keys.remediation(testScope, record.id), record);
  return {
    world,
    ports,
    run: async (changes = {}) => {
      for (let look = 0; look < 100; look += 1) {
        const session = await RemediationSession.open(world.store, world.clock, testScope, record.id);
        if (session === undefined) throw new Error('no session');
        const result = await evidence({ ports: { ...ports, ...changes }, session, system: world.system, policy: world.policy });
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

async function withVolumes(spec: Readonly<Record<string, unknown>>): Promise<Stage> {
  const made = await stage(spec);
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

  it('is not taken otherwise; one that fails stops the repair only where evidence is required', async () => {
    const taken: { readonly volumeIds: readonly string[]; readonly tags: Readonly<Record<string, string>> }[] = [];
    await (await withVolumes({})).run(snapshots(taken));
    expect(taken).toEqual([]);
    const failing = { snapshots: { take: async () => Promise.reject(new PermanentError('SnapshotCreationPerVolumeRateExceeded')), read: async () => [] } };
    expect((await (await withVolumes({ snapshotEvidence: true })).run(failing)).kind).toBe('done');
    expect((await (await withVolumes({ snapshotEvidence: true, evidenceRequired: true })).run(failing)).kind).toBe('failed');
  });
});
