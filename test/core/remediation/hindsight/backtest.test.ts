import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addSeconds } from '../../../../core/environment/time.ts';
import { backtest, type BacktestEpisode, type BacktestInput, troublesOf } from '../../../../core/remediation/hindsight/backtest.ts';
import type { Signal } from '../../../../core/signals/signal.ts';
import { testHasher, testScope, webPolicy, webSystem } from '../world.ts';

const T0 = '2026-11-01T00:00:00.000Z';
const REPAIR_SECONDS = 300;

function signal(state: Signal['state'], afterSeconds: number, instanceId = 'i-1', changes: Partial<Signal> = {}): Signal {
  return {
    kind: 'instance.status-check',
    subject: { type: 'instance', id: instanceId },
    severity: 'high',
    state,
    at: addSeconds(T0, afterSeconds),
    source: 'perennial',
    rule: 'status-check',
    scope: testScope,
    summary: `${instanceId} ${state}`,
    details: {},
    ...changes,
  };
}

function run(signals: readonly Signal[], changes: Partial<BacktestInput> = {}, spec: Readonly<Record<string, unknown>> = {}) {
  const system = webSystem();
  const catalog = { formatVersion: 1 as const, systems: [system], policies: [webPolicy(spec)], routes: [], objectives: [], services: [] };
  return backtest({
    catalog,
    hasher: testHasher,
    scope: testScope,
    signals,
    placeOf: ({ subject }) => (subject.type === 'instance' ? { system, slotId: `shop-web/${subject.id}`, role: 'web' } : undefined),
    membersOf: () => 10,
    repairSecondsOf: () => REPAIR_SECONDS,
    ...changes,
  });
}

const alarm = (rule: string) => signal('firing', 0, 'i-1', { kind: 'alarm.state-change', rule });

/** What is said of the first trouble of `i-1` when a repair begins at once. */
const episode = (changes: Partial<BacktestEpisode>): BacktestEpisode => ({
  at: T0,
  system: 'shop-web',
  place: 'shop-web/i-1',
  rule: 'status-check',
  verdict: 'would-replace',
  guardrail: null,
  reason: 'Admitted',
  isPaged: false,
  lastedSeconds: null,
  savedSeconds: null,
  ...changes,
});

const nothing = {
  'would-replace': 0,
  vetoed: 0,
  'recovered-by-itself': 0,
  'incident-only': 0,
  'under-repair': 0,
  unknown: 0,
  paged: 0,
  savedMinutes: 0,
};

/** Of a trouble that lasts so long. */
const verdictAfter = (seconds: number) => run([signal('firing', 0), signal('resolved', seconds)]).episodes[0]?.verdict;

/** Ten systems of one instance each; the policy of the last is the strictest. */
function manySystems([minimum = 6, strictest = 6]: readonly number[]) {
  const systems = Array.from({ length: 10 }, (_, index) => ({ ...webSystem(), metadata: { name: `system-${index}`, labels: {} } }));
  const policies = systems.map(({ metadata }, index) => {
    const { spec, ...policy } = webPolicy();
    const caps = { ...spec.caps, maxInFlight: 100, maxStartsPerHour: 100, platformUnhealthySystems: index === 9 ? strictest : minimum };
    return { ...policy, metadata, spec: { ...spec, system: metadata.name, caps } };
  });
  return {
    catalog: { formatVersion: 1 as const, systems, policies, routes: [], objectives: [], services: [] },
    placeOf: ({ subject }: Signal) => {
      const system = systems.find(({ metadata }) => metadata.name === subject.id);
      return system === undefined ? undefined : { system, slotId: `${subject.id}/1`, role: 'web' };
    },
  };
}

describe('what a policy would have done', () => {
  it('replaces what lasted, and says how much sooner it would have been well again', () => {
    expect(run([signal('firing', 0), signal('resolved', 3600)])).toEqual({
      episodes: [episode({ lastedSeconds: 3600, savedSeconds: 3300 })],
      totals: { ...nothing, 'would-replace': 1, savedMinutes: 55 },
      notEvaluated: [
        'pause switches and maintenance windows of that time',
        'opt-in and provenance: tags and images of that time are not known',
        'image choice and preflight: they depend on what is approved and available at that moment',
        'a contradicting healthy target',
        'the breakers of shared causes (zone, image, deployment), and repairs that are tried again by themselves',
      ],
    });
  });

  it('says nothing of how long it lasted or what was saved where its end is not among the signals', () => {
    expect(run([signal('firing', 0)])).toMatchObject({ episodes: [episode({})], totals: { ...nothing, 'would-replace': 1 } });
  });

  it('saves nothing where a repair takes longer than the trouble did', () => {
    expect(run([signal('firing', 0), signal('resolved', 299.6)]).episodes).toEqual([episode({ lastedSeconds: 300, savedSeconds: 0 })]);
  });

  it('counts every verdict, who was paged, and the minutes that would have been saved to a tenth', () => {
    const signals = [
      signal('firing', 0),
      signal('firing', 5, 'i-1', { rule: 'another' }),
      signal('firing', 10, 'i-2'),
      signal('firing', 20, 'i-3', { kind: 'instance.state-change', rule: 'state' }),
      signal('firing', 30, 'i-4', { subject: { type: 'volume', id: 'vol-1' } }),
      signal('resolved', 1000),
      signal('firing', 7200, 'i-5'),
      signal('resolved', 7230, 'i-5'),
      signal('firing', 10_000, 'i-6'),
      signal('resolved', 10_377, 'i-6'),
    ];
    expect(run(signals).totals).toEqual({
      'would-replace': 2,
      vetoed: 1,
      'recovered-by-itself': 1,
      'incident-only': 1,
      'under-repair': 1,
      unknown: 1,
      paged: 3,
      savedMinutes: 13,
    });
  });

  it('says the way where it can be known without a look: full replacement only, and nothing waited for', () => {
    const signals = [signal('firing', 0), signal('resolved', 3600)];
    expect(run(signals, {}, { nativeRecoverySeconds: 0 }).episodes[0]?.path).toBe('replace');
    expect(run(signals).episodes[0]).not.toHaveProperty('path');
    expect(run(signals, {}, { nativeRecoverySeconds: 0, ladder: ['reboot', 'replace'] }).episodes[0]).not.toHaveProperty('path');
    expect(run(signals, {}, { nativeRecoverySeconds: 0, keepIdentity: true }).episodes[0]).not.toHaveProperty('path');
  });

  it('repairs members of an Auto Scaling group through it, one at a time in the slot that they share', () => {
    const system = webSystem();
    const slotId = 'shop-web/asg/eu-central-1a';
    const placeOf = ({ subject }: Signal) => ({ system, slotId, role: 'web', memberId: subject.id });
    const both = [signal('firing', 0), signal('firing', 60, 'i-2'), signal('resolved', 3600), signal('resolved', 3660, 'i-2')];
    const { episodes } = run([...both, signal('firing', 7200), signal('resolved', 9000)], { placeOf });
    expect(episodes).toMatchObject([
      { verdict: 'would-replace', path: 'group-member', place: slotId },
      { verdict: 'under-repair' },
      { verdict: 'would-replace', path: 'group-member' },
    ]);
    expect(episodes[1]).not.toHaveProperty('path');
  });

  it('stands down from what was over within the pending time, which counts as no attempt', () => {
    const blips = [0, 1, 2, 3, 4].flatMap((hour) => [signal('firing', hour * 3600), signal('resolved', hour * 3600 + 30)]);
    const { episodes } = run([...blips, signal('firing', 5 * 3600)]);
    expect(episodes.map(({ verdict }) => verdict)).toEqual([...blips.filter((_, index) => index % 2 === 0).map(() => 'recovered-by-itself'), 'would-replace']);
    expect(episodes[0]).toEqual(
      episode({
        verdict: 'recovered-by-itself',
        guardrail: 'pending duration',
        reason: 'It was over after 30 s, within the pending time of 60 s',
        lastedSeconds: 30,
      }),
    );
  });

  it('repairs what lasts exactly the pending time', () => {
    expect([verdictAfter(59.9), verdictAfter(60)]).toEqual(['recovered-by-itself', 'would-replace']);
  });

  it('pages for what it vetoes: the fourth attempt of a day', () => {
    const signals = [0, 1, 2, 3].flatMap((hour) => [signal('firing', hour * 7200), signal('resolved', hour * 7200 + 3000)]);
    const { episodes } = run(signals);
    expect(episodes.map(({ verdict }) => verdict)).toEqual(['would-replace', 'would-replace', 'would-replace', 'vetoed']);
    expect(episodes[3]).toEqual(
      episode({
        at: addSeconds(T0, 21_600),
        verdict: 'vetoed',
        guardrail: 'retry cap',
        reason: '3 attempts on this slot in 24 h, the cap is 3',
        isPaged: true,
        lastedSeconds: 3000,
      }),
    );
  });

  it('lets attempts of more than a day ago count no longer', () => {
    const signals = [0, 1, 2, 25].flatMap((hour) => [signal('firing', hour * 7200), signal('resolved', hour * 7200 + 3000)]);
    expect(run(signals).episodes.map(({ verdict }) => verdict)).toEqual(Array.from({ length: 4 }, () => 'would-replace'));
  });

  it('holds the slot until the repair is verified', () => {
    const spec = { verifiedAfterSeconds: 600 };
    const second = (atSeconds: number) =>
      run([signal('firing', 0), signal('resolved', 100), signal('firing', atSeconds), signal('resolved', 4000)], {}, spec).episodes[1];
    expect(second(REPAIR_SECONDS + 599)).toEqual(
      episode({
        at: addSeconds(T0, 899),
        verdict: 'under-repair',
        reason: `The repair that rem-${T0}-shop-web/i-1 had begun was still running`,
        lastedSeconds: 3101,
      }),
    );
    expect(second(REPAIR_SECONDS + 600)).toMatchObject({ verdict: 'would-replace', reason: 'Admitted' });
  });

  it('frees slot, group and platform as soon as a trouble is over that stood down', () => {
    const signals = [signal('firing', 0), signal('resolved', 30), signal('firing', 31, 'i-2')];
    expect(run(signals).episodes[1]).toMatchObject({ verdict: 'would-replace', reason: 'Admitted' });
    const early = [signal('firing', 0), signal('resolved', 30), signal('firing', 29, 'i-2')];
    expect(run(early).episodes[1]).toMatchObject({
      verdict: 'vetoed',
      guardrail: 'one at a time',
      reason: '1 remediations run in the group, at most 1 may',
    });
  });

  it('lets one repair at a time through a storm and pages for the rest', () => {
    const storm = Array.from({ length: 8 }, (_, index) => signal('firing', index, `i-${index}`));
    const { episodes } = run(storm);
    expect(episodes.filter(({ verdict }) => verdict === 'would-replace')).toHaveLength(1);
    expect(episodes.filter(({ verdict, isPaged }) => verdict === 'vetoed' && isPaged)).toHaveLength(7);
  });

  it('remembers a group that is unhealthy by more than half when the next failure comes after the first repair', () => {
    const storm = Array.from({ length: 6 }, (_, index) => signal('firing', index, `i-${index}`));
    const later = signal('firing', 1200, 'i-9');
    expect(run([...storm, later]).episodes.at(-1)).toMatchObject({ verdict: 'would-replace', reason: 'Admitted as the one probe of an open circuit breaker' });
  });

  it('counts as unhealthy no longer what recovered by itself while it was vetoed: a calm week later nothing is left of a storm', () => {
    const ids = Array.from({ length: 8 }, (_, index) => `i-${index}`);
    const storm = ids.flatMap((id, index) => [signal('firing', index, id), signal('resolved', 1500, id)]);
    const day = 86_400;
    const week = [signal('firing', 7 * day, 'i-8'), signal('firing', 7 * day + 10, 'i-9')];
    expect(run([...storm, ...week], { membersOf: () => 20 }, { caps: { maxUnhealthyPercent: 10 } }).episodes.slice(-2)).toMatchObject([
      { verdict: 'would-replace', reason: 'Admitted' },
      { verdict: 'would-replace', reason: 'Admitted' },
    ]);
  });

  it('counts another slot as unhealthy all the same when one recovers, and a new trouble of that one again', () => {
    // Of four at most two may be unhealthy. The second is never heard of again, and counts until the end.
    const signals = [
      signal('firing', 0),
      signal('firing', 10, 'i-2'),
      signal('resolved', 30),
      signal('firing', 40, 'i-3'),
      signal('firing', 1500, 'i-4'),
      signal('firing', 1501, 'i-5'),
      signal('firing', 2500, 'i-6'),
    ];
    expect(run(signals, { membersOf: () => 4 }).episodes.map(({ verdict, reason }) => [verdict, reason])).toEqual([
      ['recovered-by-itself', 'It was over after 30 s, within the pending time of 60 s'],
      ['vetoed', '1 remediations run in the group, at most 1 may'],
      ['would-replace', 'Admitted'],
      ['would-replace', 'Admitted'],
      ['vetoed', '1 remediations run in the group, at most 1 may'],
      ['would-replace', 'Admitted as the one probe of an open circuit breaker'],
    ]);
  });

  it('counts as unhealthy no longer from the very moment of its end, and only once: what fails later is a trouble of its own', () => {
    const atOnce = [signal('firing', 0), signal('resolved', 30), signal('firing', 30, 'i-2')];
    expect(run(atOnce, { membersOf: () => 2 }).episodes[1]).toMatchObject({ verdict: 'would-replace', reason: 'Admitted' });
    const elsewhere = signal('firing', 30, 'i-1', { subject: { type: 'volume', id: 'vol-1' } });
    const again = [signal('firing', 200), signal('firing', 250, 'i-2'), signal('resolved', 260, 'i-2'), signal('firing', 1101, 'i-3')];
    const { episodes } = run([signal('firing', 0), signal('resolved', 30), elsewhere, ...again], { membersOf: () => 2 });
    expect(episodes.at(-1)).toMatchObject({ verdict: 'would-replace', reason: 'Admitted as the one probe of an open circuit breaker' });
  });

  it('ends a repair once: the next one of the slot holds it as long as it takes', () => {
    const signals = [signal('firing', 0), signal('resolved', 100), signal('firing', 900), signal('firing', 950, 'i-1', { rule: 'another' })];
    expect(run([...signals, signal('firing', 960, 'i-1', { rule: 'third' })]).episodes.map(({ verdict }) => verdict)).toEqual([
      'would-replace',
      'would-replace',
      'under-repair',
      'under-repair',
    ]);
  });

  it('keeps the circuit breaker open for the cool-down after the group has calmed, as the sweep sees it', () => {
    const ids = ['i-1', 'i-2', 'i-3', 'i-4'];
    const storm = ids.flatMap((id, index) => [signal('firing', index, id), signal('resolved', 900, id)]);
    const spec = { cooldownSeconds: 1800, caps: { maxUnhealthyPercent: 10 } };
    const other = webPolicy({ cooldownSeconds: 0, triggers: [{ alarm: 'billing-disk' }] });
    const policies = [{ ...other, spec: { ...other.spec, system: 'billing' } }, webPolicy(spec)];
    const catalog = { formatVersion: 1 as const, systems: [webSystem()], policies, routes: [], objectives: [], services: [] };
    const nextAt = (seconds: number) => run([...storm, signal('firing', seconds, 'i-5')], { membersOf: () => 20, catalog }).episodes.at(-1)?.reason;
    // Calm since 900 s, which the sweep sees at 1,200 s; 1,800 s later it closes the breaker.
    expect(nextAt(2999)).toBe('Admitted as the one probe of an open circuit breaker');
    expect(nextAt(3000)).toBe('Admitted');
  });

  it.each<readonly [what: string, minimums: readonly number[], lateSeconds: readonly number[], closesAtSeconds: number]>([
    ['after the sweep has found few of them', [6, 6], [], 2400],
    ['which is few by the strictest policy', [6, 1], [590, 591], 3000],
    ['which the strictest policy closes, and never opens', [6, 1], [], 2400],
  ])('closes the platform breaker half an hour after systems have stopped to fail, %s', (_what, minimums, lateSeconds, closesAtSeconds) => {
    const { catalog, placeOf } = manySystems(minimums);
    const storm = Array.from({ length: 7 }, (_, index) => [signal('firing', index, `system-${index}`), signal('resolved', 60, `system-${index}`)]).flat();
    const late = lateSeconds.map((seconds, index) => signal('firing', seconds, `system-${index + 7}`));
    const judged = (seconds: number) => run([...storm, ...late, signal('firing', seconds, 'system-9')], { catalog, placeOf }).episodes;
    expect(judged(closesAtSeconds - 1)[6]).toMatchObject({
      verdict: 'vetoed',
      guardrail: 'platform caps',
      reason: 'The platform breaker is open: 7 systems became unhealthy within 5 minutes',
    });
    expect(judged(closesAtSeconds - 1).at(-1)).toMatchObject({ verdict: 'vetoed', guardrail: 'platform caps' });
    expect(judged(closesAtSeconds).at(-1)).toMatchObject({ verdict: 'would-replace', reason: 'Admitted' });
  });

  it('lets no sweep open the platform breaker: only what fails does', () => {
    const { catalog, placeOf } = manySystems([6, 1]);
    const signals = [signal('firing', 0, 'system-1'), signal('firing', 590, 'system-2'), signal('firing', 595, 'system-3'), signal('firing', 700, 'system-4')];
    expect(run(signals, { catalog, placeOf }).episodes.map(({ reason }) => reason)).toEqual(['Admitted', 'Admitted', 'Admitted', 'Admitted']);
  });

  it('hears of the trouble of a member also while another one of its slot is repaired', () => {
    const system = webSystem();
    const placeOf = ({ subject: { id } }: Signal) => ({ system, slotId: id === 'i-9' ? 'shop-web/asg/b' : 'shop-web/asg/a', role: 'web', memberId: id });
    const signals = [signal('firing', 0), signal('firing', 1, 'i-2'), signal('firing', 2000, 'i-9')];
    expect(run(signals, { placeOf, membersOf: () => 2 }).episodes.map(({ verdict, reason }) => [verdict, reason])).toEqual([
      ['would-replace', 'Admitted'],
      ['under-repair', `The repair that rem-${T0}-shop-web/asg/a had begun was still running`],
      ['would-replace', 'Admitted as the one probe of an open circuit breaker'],
    ]);
  });

  it('does not repair what the policy does not list, what no system owns, and twice at once', () => {
    const other = signal('firing', 0, 'i-1', { kind: 'instance.state-change', rule: 'state' });
    expect(run([other]).episodes).toEqual([
      episode({
        rule: 'state',
        verdict: 'incident-only',
        guardrail: 'allow-list',
        reason: 'The policy shop-web does not list state as a trigger',
        isPaged: true,
      }),
    ]);
    expect(run([signal('firing', 0), signal('resolved', 60)], { placeOf: () => undefined }).episodes).toEqual([
      episode({ system: null, place: 'instance/i-1', verdict: 'unknown', reason: 'It belongs to no system of the catalog', isPaged: true, lastedSeconds: 60 }),
    ]);
    const second = signal('firing', 60, 'i-1', { kind: 'instance.target-unhealthy', rule: 'target' });
    expect(run([signal('firing', 0), second]).episodes.map(({ verdict }) => verdict)).toEqual(['would-replace', 'under-repair']);
  });

  it('repairs for an alarm that the policy lists by its name, and for no other alarm', () => {
    expect(run([alarm('shop-web-unhealthy')]).episodes).toEqual([episode({ rule: 'shop-web-unhealthy' })]);
    expect(run([alarm('shop-web-disk')]).episodes).toMatchObject([
      { verdict: 'incident-only', reason: 'The policy shop-web does not list shop-web-disk as a trigger' },
    ]);
    const namesake = signal('firing', 0, 'i-1', { kind: 'instance.state-change', rule: 'shop-web-unhealthy' });
    expect(run([namesake]).episodes).toMatchObject([{ verdict: 'incident-only' }]);
  });

  it('makes an incident where no policy says how to repair the system', () => {
    const catalog = { formatVersion: 1 as const, systems: [webSystem()], policies: [], routes: [], objectives: [], services: [] };
    expect(run([signal('firing', 0)], { catalog }).episodes).toEqual([
      episode({ verdict: 'incident-only', reason: 'No policy says how to repair shop-web', isPaged: true }),
    ]);
  });

  it.each([
    ['critical', 'would-replace', true],
    ['high', 'would-replace', false],
    ['high', 'incident-only', true],
    ['warning', 'incident-only', false],
    ['info', 'incident-only', false],
  ] as const)('of a %s trouble that is %s: a person is paged: %s', (severity, verdict, isPaged) => {
    const kind = verdict === 'would-replace' ? 'instance.status-check' : 'instance.state-change';
    expect(run([signal('firing', 0, 'i-1', { severity, kind })]).episodes).toMatchObject([{ verdict, isPaged }]);
  });

  it('pages at once for critical, repair or not', () => {
    expect(run([signal('firing', 0, 'i-1', { severity: 'critical' })]).episodes).toMatchObject([{ verdict: 'would-replace', isPaged: true }]);
    expect(run([signal('firing', 0, 'i-1', { severity: 'info', kind: 'x' })]).episodes).toMatchObject([{ verdict: 'incident-only', isPaged: false }]);
  });

  it('says of no signals nothing but what the past cannot answer', () => {
    expect(run([])).toMatchObject({ episodes: [], totals: nothing, notEvaluated: { length: 5 } });
  });
});

const summary = (list: readonly Signal[]) => run(list).episodes.map(({ at, verdict, place }) => [at, verdict, place]);

describe('troubles', () => {
  it('begin with the first firing signal and end with the next that resolves it; what was resolved before it fired is none', () => {
    const first = signal('firing', 10);
    const again = signal('firing', 300);
    expect(troublesOf([signal('resolved', 5), first, signal('firing', 20), signal('info', 25), signal('resolved', 30), signal('resolved', 40), again])).toEqual(
      [
        { signal: first, endedAt: addSeconds(T0, 30) },
        { signal: again, endedAt: undefined },
      ],
    );
  });

  it('that begin or end in the same moment keep the order in which they were heard of', () => {
    const ids = ['i-1', 'i-2', 'i-3'];
    const begun = ids.map((id) => signal('firing', 0, id));
    const ended = ids.map((id) => signal('resolved', 0, id));
    expect(troublesOf([...begun, ...ended])).toEqual(begun.map((first) => ({ signal: first, endedAt: T0 })));
    expect(troublesOf([...ended, ...begun])).toEqual(begun.map((first) => ({ signal: first, endedAt: undefined })));
  });

  it('are told apart by kind, subject and rule, and stand in the order of their beginnings', () => {
    const open = signal('firing', 0);
    const kind = signal('firing', 1, 'i-1', { kind: 'instance.target-unhealthy' });
    const rule = signal('firing', 2, 'i-1', { rule: 'another' });
    const subject = signal('firing', 3, 'i-2');
    const ended = [subject, rule, kind].map((begun, index) => ({ ...begun, state: 'resolved' as const, at: addSeconds(T0, 10 + index) }));
    expect(troublesOf([subject, rule, kind, open, ...ended]).map((trouble) => [trouble.signal, trouble.endedAt])).toEqual([
      [open, undefined],
      [kind, addSeconds(T0, 12)],
      [rule, addSeconds(T0, 11)],
      [subject, addSeconds(T0, 10)],
    ]);
  });

  const anySignal = fc
    .record({ state: fc.constantFrom('firing' as const, 'resolved' as const, 'info' as const), at: fc.nat(86_400), id: fc.constantFrom('i-1', 'i-2', 'i-3') })
    .map(({ state, at, id }) => signal(state, at, id));

  it('are the same in any order of the signals, and repetitions change nothing', () => {
    fc.assert(
      fc.property(fc.uniqueArray(anySignal, { maxLength: 30, selector: ({ at }) => at }), (signals) => {
        expect(summary(signals.toReversed())).toEqual(summary(signals));
        expect(troublesOf([...signals, ...signals])).toEqual(troublesOf(signals));
      }),
    );
  });

  it('never start more repairs of a slot in a day than the cap', () => {
    fc.assert(
      fc.property(fc.array(anySignal, { maxLength: 60 }), (signals) => {
        const started = run(signals).episodes.filter(({ verdict }) => verdict === 'would-replace');
        for (const slotId of new Set(started.map(({ place }) => place))) expect(started.filter(({ place }) => place === slotId).length).toBeLessThanOrEqual(3);
      }),
    );
  });
});
