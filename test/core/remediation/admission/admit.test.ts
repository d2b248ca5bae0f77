import { beforeEach, describe, expect, it } from 'vitest';
import { addSeconds } from '../../../../core/environment/time.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord, readRecord } from '../../../../core/records/record-type.ts';
import { admit, type AdmitPorts, type AdmitRequest, buildRemediation, executionNameOf, remediationIdOf } from '../../../../core/remediation/admission/admit.ts';
import { emptyPlatform } from '../../../../core/remediation/admission/claim.ts';
import { readDeclaration } from '../../../../core/remediation/admission/declaration.ts';
import { procedureVersion } from '../../../../core/remediation/paths/procedure.ts';
import { groupType, pauseType, platformType, type Remediation, remediationType, slotType } from '../../../../core/remediation/record.ts';
import { VirtualClock } from '../../../../sim/deterministic.ts';
import { MemoryRecordStore } from '../../../../sim/memory-record-store.ts';
import { dump, groupOf, NOW, remediationOf, slotOf } from '../builders.ts';
import { testHasher, testScope, webPolicy, webSystem } from '../world.ts';

const INSTANCE = 'i-0000000000000001';
const trigger = { kind: 'instance.target-unhealthy', rule: 'target-health', fingerprint: 'f-1', at: NOW, summary: 'The target is unhealthy' };

const requestOf = (changes: Partial<AdmitRequest> = {}): AdmitRequest => ({
  system: webSystem(),
  policy: webPolicy(),
  incidentId: 'inc-1',
  slot: { id: 'shop-web/1', groupId: 'shop-web/web', instanceId: INSTANCE },
  trigger,
  groupMembers: 3,
  systemsInCatalog: 2,
  ...changes,
});

const idOf = (request: AdmitRequest = requestOf()): string => remediationIdOf(testHasher, request.slot.id, request.incidentId, request.trigger);

let clock: VirtualClock;
let store: MemoryRecordStore;
/** What was done outside the table, in this order, and whether the claim stood by then. */
let done: string[];
let ports: AdmitPorts;

beforeEach(() => {
  clock = new VirtualClock(NOW);
  store = new MemoryRecordStore(clock);
  done = [];
  ports = {
    store,
    scope: testScope,
    clock,
    hasher: testHasher,
    executions: { start: async ({ name, remediationId }) => void done.push(`start ${remediationId} as ${name}`) },
    pageTimer: { arm: async (remediationId, at) => void done.push(`arm ${remediationId} at ${at}`) },
  };
});

const stored = async (id = idOf()): Promise<Remediation | undefined> => (await readRecord(store, remediationType, keys.remediation(testScope, id)))?.body;
const pause = (isPaused: boolean) =>
  createRecord(store, pauseType, keys.pause(testScope, 'global'), { target: 'global', isPaused, by: 'kim', reason: 'migration', at: NOW });

describe('the names of a repair', () => {
  it('sort by time and are the same for every delivery of the same signal, and for no other', () => {
    expect(idOf()).toBe(`rem-20261121T090000-${testHasher.sha256(`shop-web/1\ninc-1\nf-1\n${NOW}`).slice(0, 10)}`);
    const others = [
      requestOf({ slot: { ...requestOf().slot, id: 'shop-web/2' } }),
      requestOf({ incidentId: 'inc-2' }),
      requestOf({ trigger: { ...trigger, fingerprint: 'f-2' } }),
      requestOf({ trigger: { ...trigger, at: addSeconds(NOW, 0.001) } }),
    ];
    expect(new Set([requestOf(), ...others].map((request) => idOf(request))).size).toBe(5);
  });

  it('name one execution each, by slot, incident and remediation', () => {
    expect(executionNameOf(testHasher, 'shop-web/1', 'inc-1', 'rem-1')).toBe(testHasher.sha256('shop-web/1\ninc-1\nrem-1'));
  });
});

const build = (changes: Partial<AdmitRequest>) => buildRemediation(ports, requestOf(changes), 'rem-1', 1, NOW, 600);

describe('the record of a repair that begins', () => {
  it('says everything that is known of it', () => {
    expect(buildRemediation(ports, requestOf(), 'rem-1', 2, addSeconds(NOW, 5), 600)).toStrictEqual({
      id: 'rem-1',
      accountId: '111122223333',
      region: 'eu-central-1',
      slotId: 'shop-web/1',
      groupId: 'shop-web/web',
      system: 'shop-web',
      incidentId: 'inc-1',
      attempt: 2,
      executionName: executionNameOf(testHasher, 'shop-web/1', 'inc-1', 'rem-1'),
      procedureVersion,
      topology: 'multiple',
      isFenced: false,
      path: 'replace',
      mode: 'auto',
      isDrill: false,
      trigger,
      oldInstanceId: INSTANCE,
      state: 'running',
      reason: 'The target is unhealthy',
      phase: 'confirm',
      phaseStartedAt: addSeconds(NOW, 5),
      remaining: [
        'guard',
        'preflight',
        'capture',
        'evidence',
        'launch',
        'await-running',
        'register',
        'await-healthy',
        'deregister',
        'drain',
        'transfer-alarms',
        'quarantine',
        'verify',
        'finish',
      ],
      memory: {},
      phases: [],
      guardrails: [],
      calls: {},
      timing: { detectedAt: NOW, decidedAt: addSeconds(NOW, 5) },
      rtoSeconds: 600,
      pageAt: addSeconds(NOW, 605),
      differences: [],
    });
  });

  it.each([
    ['may not run twice', 'single', false, true],
    ['may run twice, though it is single', 'single', true, false],
    ['runs several times', 'multiple', false, false],
  ] as const)('stops the old instance first where the system %s', (_what, topology, concurrencySafe, isFenced) => {
    const system = webSystem(topology);
    const record = build({ system: { ...system, spec: { ...system.spec, concurrencySafe } } });
    expect([record.topology, record.isFenced, record.remaining.includes('fence')]).toEqual([topology, isFenced, isFenced]);
  });

  it('of a member goes through its group', () => {
    const record = build({ slot: { ...requestOf().slot, memberId: INSTANCE } });
    expect(record.path).toBe('group-member');
    expect(record.remaining).toContain('replace-member');
  });

  it('that a person asked for says who; a replacement by hand is a repair like any other', () => {
    const request = { by: 'kim', reason: 'odd noises', at: NOW };
    expect(build({ request, course: { kind: 'replace' } })).toStrictEqual({ ...build({}), request });
  });

  it('of a drill has no real instance, no trouble, and the group it learns for', () => {
    const drill = build({ course: { kind: 'drill', groupId: 'shop-web/web' } });
    expect(drill).toStrictEqual({
      ...build({}),
      isDrill: true,
      drill: { groupId: 'shop-web/web' },
      path: 'drill',
      pathReason: 'A person asked for it',
      phase: drill.phase,
      remaining: drill.remaining,
    });
    expect([drill.phase, ...drill.remaining.slice(0, 3)]).toEqual(['confirm', 'guard', 'launch-throwaway', 'await-throwaway']);
    expect(drill.remaining).not.toContain('fence');
    expect(build({ system: webSystem('single'), course: { kind: 'drill', groupId: 'shop-web/web' } }).remaining).toContain('fence');
  });

  const before = remediationOf({ id: 'rem-0', instanceId: 'i-before' }, { state: 'succeeded', newInstanceId: 'i-after' });

  it('of a way back has the instances of what it takes back', () => {
    const back = build({ course: { kind: 'revert', revertOf: before } });
    expect(back).toStrictEqual({
      ...build({}),
      oldInstanceId: 'i-before',
      newInstanceId: 'i-after',
      revertOf: 'rem-0',
      path: 'revert',
      pathReason: 'A person asked for it',
      phase: 'confirm',
      remaining: back.remaining,
    });
    expect(back.remaining.slice(0, 3)).toEqual(['guard', 'release-old', 'start-old']);
  });

  it('of a way back knows no replacement where there was none', () => {
    const { newInstanceId: _none, ...without } = before;
    const back = build({ course: { kind: 'revert', revertOf: without } });
    expect(back).not.toHaveProperty('newInstanceId');
    expect(back.oldInstanceId).toBe('i-before');
  });

  it.each([
    ['was fenced then', { isFenced: true }, webSystem()],
    ['is fenced now', { isFenced: false }, webSystem('single')],
  ] as const)('of a way back stops the replacement first where its repair %s, and moves the same parts back', (_what, changes, system) => {
    const back = build({ system, course: { kind: 'revert', revertOf: { ...before, ...changes, parts: ['volumes'] } } });
    expect(back).toMatchObject({ isFenced: true, path: 'revert-fenced', parts: ['volumes'] });
    expect(back.remaining).toContain('return-volumes');
    expect(back.remaining).not.toContain('return-interfaces');
  });
});

describe('a trouble signal', () => {
  it('claims, arms the page and starts the execution, in this order', async () => {
    const armed: (Remediation | undefined)[] = [];
    const arm = ports.pageTimer.arm.bind(ports.pageTimer);
    const answer = await admit(
      {
        ...ports,
        pageTimer: {
          arm: async (id, at) => {
            armed.push(await stored(id));
            await arm(id, at);
          },
        },
      },
      requestOf(),
    );
    const remediation = buildRemediation(ports, requestOf(), idOf(), 1, NOW, 600);
    expect(answer).toEqual({ kind: 'started', remediation, reason: 'Admitted' });
    expect(armed).toEqual([remediation]);
    expect(done).toEqual([`arm ${idOf()} at ${addSeconds(NOW, 600)}`, `start ${idOf()} as ${remediation.executionName}`]);
    expect((await readRecord(store, platformType, keys.platform(testScope)))?.body).toEqual({
      ...emptyPlatform,
      inFlight: [idOf()],
      starts: [NOW],
      unhealthySystems: [{ system: 'shop-web', at: NOW }],
    });
    expect(await readDeclaration({ store, scope: testScope }, idOf())).toEqual({ system: webSystem(), policy: webPolicy(), windows: [] });
  });

  it('goes on with what an earlier delivery has claimed, also under a pause that came between', async () => {
    await admit(ports, requestOf());
    await pause(true);
    const [first, before] = [[...done], dump(store)];
    done.length = 0;
    clock.advance(30);
    expect(await admit(ports, requestOf())).toMatchObject({ kind: 'started', reason: 'Claimed by an earlier delivery of this signal' });
    expect(done).toEqual(first);
    expect(dump(store)).toEqual(before);
  });

  it.each([
    ['succeeded', {}],
    ['failed', { failure: { phase: 'launch', reason: 'no capacity' } }],
    ['vetoed', {}],
  ] as const)('starts nothing anew of what has %s', async (state, changes) => {
    await createRecord(store, remediationType, keys.remediation(testScope, idOf()), remediationOf({ id: idOf() }, { state, ...changes }));
    expect(await admit(ports, requestOf())).toMatchObject({ kind: 'started', reason: 'Claimed by an earlier delivery of this signal' });
    expect(done).toEqual([]);
  });

  it.each([
    ['its kind', {}, 'The policy shop-web does not list instance.rebalance as a trigger'],
    ['its original alarm', { alarmName: 'odd--i-1', originalAlarmName: 'odd' }, 'The policy shop-web does not list odd as a trigger'],
  ])('opens an incident only, where the policy does not list %s', async (_what, changes, reason) => {
    expect(await admit(ports, requestOf({ trigger: { ...trigger, kind: 'instance.rebalance', ...changes } }))).toEqual({ kind: 'incident-only', reason });
    expect(dump(store)).toEqual([]);
  });

  it('needs no list where a person asks, and is no trouble then', async () => {
    const request = { by: 'kim', reason: 'odd noises', at: NOW };
    const asked = requestOf({ trigger: { ...trigger, kind: 'instance.replace-requested' }, request, course: { kind: 'replace' } });
    expect(await admit(ports, asked)).toMatchObject({ kind: 'started', remediation: { request } });
    const group = await readRecord(store, groupType, keys.group(testScope, 'shop-web/web'));
    expect(group?.body).toEqual(groupOf({ inFlight: [idOf(asked)] }));
  });

  it('notes what the instance shares with others, with its incident', async () => {
    await admit(ports, requestOf({ causes: ['zone:eu-central-1a'] }));
    const platform = await readRecord(store, platformType, keys.platform(testScope));
    const trouble = { slotId: 'shop-web/1', groupId: 'shop-web/web', groupMembers: 3, incidentId: 'inc-1', at: NOW };
    expect(platform?.body.troubles).toEqual([{ ...trouble, causes: ['zone:eu-central-1a'], remediationId: idOf() }]);
  });

  it('of a member makes the shared slot its own', async () => {
    await createRecord(store, slotType, keys.slot(testScope, 'shop-web/1'), slotOf({ instanceId: 'i-last' }));
    await admit(ports, requestOf({ slot: { ...requestOf().slot, memberId: INSTANCE } }));
    expect((await readRecord(store, slotType, keys.slot(testScope, 'shop-web/1')))?.body).toMatchObject({ instanceId: INSTANCE, remediationId: idOf() });
  });

  it('pages as late as past repairs of the system allow, and never later than its objective', async () => {
    const past = remediationOf({ id: 'rem-past' }, { state: 'succeeded', recoverySeconds: 100 });
    await createRecord(store, remediationType, keys.remediation(testScope, past.id), past);
    await admit(ports, requestOf());
    expect((await stored())?.pageAt).toBe(addSeconds(NOW, 150));
  });

  it('of a drill wakes nobody', async () => {
    const drill = requestOf({ trigger: { ...trigger, kind: 'check.drill-requested' }, course: { kind: 'drill', groupId: 'shop-web/web' } });
    expect((await admit(ports, drill)).kind).toBe('started');
    expect(done).toEqual([`start ${idOf(drill)} as ${executionNameOf(testHasher, 'shop-web/1', 'inc-1', idOf(drill))}`]);
  });
});

const vetoedRecord = (guardrail: string, reason: string): Remediation => ({
  ...buildRemediation(ports, requestOf(), idOf(), 0, NOW, 600),
  state: 'vetoed',
  reason,
  phase: 'finish',
  remaining: [],
  failure: { phase: 'guard', reason, guardrail },
  guardrails: [{ name: guardrail, verdict: 'veto', reason }],
  timing: { detectedAt: NOW, decidedAt: NOW, endedAt: NOW },
});

describe('a trouble signal that may not repair now', () => {
  it('under a pause is recorded with its reason, claims nothing and starts nothing', async () => {
    await pause(true);
    const remediation = vetoedRecord('pause', 'Paused (global) by kim: migration');
    expect(await admit(ports, requestOf())).toEqual({ kind: 'vetoed', guardrail: 'pause', reason: 'Paused (global) by kim: migration', remediation });
    expect(await stored()).toEqual(remediation);
    expect(await readRecord(store, slotType, keys.slot(testScope, 'shop-web/1'))).toBeUndefined();
    expect(done).toEqual([]);
  });

  it('is not stopped by a switch that was set back', async () => {
    await pause(false);
    expect((await admit(ports, requestOf())).kind).toBe('started');
  });

  it('under full caps is recorded with the guardrail that said no', async () => {
    await createRecord(store, platformType, keys.platform(testScope), { ...emptyPlatform, inFlight: ['a', 'b', 'c', 'd', 'e'] });
    const reason = '5 remediations are in flight, the cap is 5';
    const remediation = vetoedRecord('platform caps', reason);
    expect(await admit(ports, requestOf())).toEqual({ kind: 'vetoed', guardrail: 'platform caps', reason, remediation });
    expect(await stored()).toEqual(remediation);
    expect(done).toEqual([]);
  });

  it('gets no second answer when it is delivered again', async () => {
    const remediation = vetoedRecord('pause', 'Paused (global) by kim: migration');
    await createRecord(store, remediationType, keys.remediation(testScope, idOf()), remediation);
    expect(await admit(ports, requestOf())).toEqual({ kind: 'vetoed', guardrail: 'pause', reason: 'Paused (global) by kim: migration', remediation });
    expect(done).toEqual([]);
  });

  it('names no guardrail that is not on record', async () => {
    const { guardrail: _guardrail, ...failure } = { phase: 'guard' as const, reason: 'odd', guardrail: 'pause' };
    await createRecord(store, remediationType, keys.remediation(testScope, idOf()), { ...vetoedRecord('pause', 'odd'), failure });
    expect(await admit(ports, requestOf())).toMatchObject({ kind: 'vetoed', guardrail: 'unknown', reason: 'odd' });
  });
});
