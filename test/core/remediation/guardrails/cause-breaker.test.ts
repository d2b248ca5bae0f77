import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addSeconds, type Timestamp } from '../../../../core/environment/time.ts';
import {
  beginRepair,
  calmSlot,
  causeRefusal,
  causesOf,
  causeText,
  endRepair,
  type NewTrouble,
  noteTrouble,
  openCausesOf,
  resumeCauses,
  settleCauses,
} from '../../../../core/remediation/guardrails/cause-breaker.ts';
import { emptyPlatform } from '../../../../core/remediation/admission/claim.ts';
import { type Platform, platformSchema } from '../../../../core/remediation/record.ts';
import { NOW } from '../builders.ts';

const ZONE = 'zone:eu-central-1a';

const trouble = (number: number, system: string, changes: Partial<NewTrouble> = {}): NewTrouble => ({
  slotId: `${system}/${number}`,
  groupId: `${system}/web`,
  groupMembers: 4,
  incidentId: `inc-${number}`,
  causes: [ZONE],
  ...changes,
});

/** Troubles that begin one second after the other. */
const after = (troubles: readonly NewTrouble[], from: Timestamp = NOW, start: Platform = emptyPlatform): Platform =>
  troubles.reduce((platform, next, index) => noteTrouble(platform, next, addSeconds(from, index)), start);

const isOpen = (platform: Platform): boolean => (platform.causeBreakers ?? []).some(({ cause }) => cause === ZONE);

/** So many slots of two groups of this size fail together. */
const large = (count: number, groupMembers: number): Platform =>
  after(Array.from({ length: count }, (_, index) => trouble(index, index % 2 === 0 ? 'web' : 'api', { groupMembers })));

const storm = [trouble(1, 'web'), trouble(2, 'web'), trouble(3, 'api')];

describe('what an instance shares with others', () => {
  const instance = { availabilityZone: 'eu-central-1a', imageId: 'ami-1' };

  it('is its zone, its image and a deployment of the last hour', () => {
    const deployment = { id: 'shop-web/1', startedAt: addSeconds(NOW, -3599) };
    expect(causesOf(instance, deployment, NOW)).toEqual([ZONE, 'image:ami-1', 'deployment:shop-web/1']);
    expect(causesOf(instance, deployment, addSeconds(NOW, 1))).toEqual([ZONE, 'image:ami-1']);
  });

  it('leaves out what is not known', () => {
    expect(causesOf({ availabilityZone: 'unknown', imageId: 'unknown' }, undefined, NOW)).toEqual([]);
    expect(causesOf({ availabilityZone: '', imageId: '' }, undefined, NOW)).toEqual([]);
    expect(causesOf(undefined, undefined, NOW)).toEqual([]);
  });

  it('has a name that a person understands', () => {
    expect([ZONE, 'image:ami-1', 'deployment:shop/1:2', 'odd'].map(causeText)).toEqual([
      'the zone eu-central-1a',
      'the image ami-1',
      'the deployment shop/1:2',
      'odd',
    ]);
    expect(causeText('a zone:b')).toBe('a zone:b');
  });
});

describe('the breaker of a shared cause', () => {
  it('opens at the third slot of two groups within five minutes', () => {
    expect(isOpen(after(storm.slice(0, 2)))).toBe(false);
    expect(after(storm).causeBreakers).toEqual([{ cause: ZONE, since: addSeconds(NOW, 2), isProbeFailed: false }]);
  });

  it('needs two groups, two is not many, and what is over does not count', () => {
    expect(isOpen(after([1, 2, 3, 4].map((number) => trouble(number, 'web'))))).toBe(false);
    expect(isOpen(after([trouble(1, 'web'), trouble(2, 'api')]))).toBe(false);
    const calmed = calmSlot(after(storm.slice(0, 2)), 'web/1');
    expect(isOpen(noteTrouble(calmed, trouble(3, 'api'), addSeconds(NOW, 9)))).toBe(false);
  });

  it('counts what began within 300 s, to the second', () => {
    const two = after(storm.slice(0, 2));
    expect(isOpen(noteTrouble(two, trouble(3, 'api'), addSeconds(NOW, 300)))).toBe(true);
    expect(isOpen(noteTrouble(two, trouble(3, 'api'), addSeconds(NOW, 301)))).toBe(false);
  });

  it('counts a slot once for as long as its incident lasts, from the beginning: what is only said again is no burst', () => {
    const old = after(storm.slice(0, 2));
    const again = after(storm.slice(0, 2), addSeconds(NOW, 4000), old);
    expect(again.troubles?.map(({ at }) => at)).toEqual([NOW, addSeconds(NOW, 1)]);
    expect(isOpen(noteTrouble(again, trouble(3, 'api'), addSeconds(NOW, 4010)))).toBe(false);
    const anew = after([trouble(1, 'web', { incidentId: 'inc-8' }), trouble(2, 'web', { incidentId: 'inc-9' })], addSeconds(NOW, 4000), old);
    expect(isOpen(noteTrouble(anew, trouble(3, 'api'), addSeconds(NOW, 4010)))).toBe(true);
  });

  it('lets large groups have more: 5 % of those that are hit, never more than a hundred', () => {
    expect([isOpen(large(5, 50)), isOpen(large(6, 50))]).toEqual([false, true]);
    expect([isOpen(large(100, 5000)), isOpen(large(101, 5000))]).toEqual([false, true]);
  });

  it('is one for each cause: an open one keeps none of the others shut', () => {
    const both = storm.map((each) => ({ ...each, causes: [ZONE, 'image:ami-1'] }));
    const zone = after([...storm, ...both.map((each, index) => ({ ...each, slotId: `new/${index}` }))]);
    expect(zone.causeBreakers).toEqual([
      { cause: ZONE, since: addSeconds(NOW, 2), isProbeFailed: false },
      { cause: 'image:ami-1', since: addSeconds(NOW, 5), isProbeFailed: false },
    ]);
  });

  it('is nowhere on a platform where none was opened', () => {
    expect(noteTrouble(emptyPlatform, trouble(1, 'web'), NOW)).toStrictEqual({ ...emptyPlatform, troubles: [{ ...trouble(1, 'web'), at: NOW }] });
  });

  it('lists the oldest trouble first, also when it is heard of again', () => {
    const again = noteTrouble(after(storm), trouble(1, 'web', { causes: ['image:ami-1'] }), addSeconds(NOW, 60));
    expect(again.troubles).toEqual([
      { ...trouble(1, 'web', { causes: [ZONE, 'image:ami-1'] }), at: NOW },
      { ...trouble(2, 'web'), at: addSeconds(NOW, 1) },
      { ...trouble(3, 'api'), at: addSeconds(NOW, 2) },
    ]);
  });

  it('keeps the newest 200 troubles, six causes of each, and 50 breakers', () => {
    const many = after(Array.from({ length: 201 }, (_, index) => trouble(index, 'web')));
    expect([many.troubles?.length, many.troubles?.[0]?.slotId]).toEqual([200, 'web/1']);
    const seven = noteTrouble(emptyPlatform, trouble(1, 'web', { causes: ['zone:1', 'zone:2', 'zone:3', 'zone:4', 'zone:5', 'zone:6', 'zone:7'] }), NOW);
    expect(seven.troubles?.[0]?.causes).toEqual(['zone:2', 'zone:3', 'zone:4', 'zone:5', 'zone:6', 'zone:7']);
    const causeBreakers = Array.from({ length: 50 }, (_, index) => ({ cause: `image:${index}`, since: NOW, isProbeFailed: false }));
    const full = after(storm, NOW, { ...emptyPlatform, causeBreakers });
    expect(full.causeBreakers?.map(({ cause }) => cause)).toEqual([...causeBreakers.slice(1).map(({ cause }) => cause), ZONE]);
  });

  it('takes as its probe a repair of its own that still runs, whichever of its troubles began first', () => {
    const begun = beginRepair(beginRepair(after(storm.slice(0, 2)), 'web/1', 'rem-over'), 'web/2', 'rem-2');
    const busy = noteTrouble({ ...begun, inFlight: ['rem-elsewhere', 'rem-2'] }, trouble(3, 'api'), addSeconds(NOW, 2));
    expect(busy.causeBreakers).toEqual([{ cause: ZONE, since: addSeconds(NOW, 2), isProbeFailed: false, probeRemediationId: 'rem-2' }]);
    const idle = noteTrouble({ ...begun, inFlight: ['rem-elsewhere'] }, trouble(3, 'api'), addSeconds(NOW, 2));
    expect(idle.causeBreakers).toStrictEqual([{ cause: ZONE, since: addSeconds(NOW, 2), isProbeFailed: false }]);
  });

  it('concerns the slots that share its cause, and no other', () => {
    const image = noteTrouble(after(storm), trouble(8, 'db', { causes: ['image:ami-1'] }), addSeconds(NOW, 3));
    expect(openCausesOf(image, 'web/1')).toEqual(image.causeBreakers);
    expect(openCausesOf(image, 'db/8')).toEqual([]);
    expect(openCausesOf(image, 'nobody/1')).toEqual([]);
    expect(openCausesOf(emptyPlatform, 'web/1')).toEqual([]);
  });

  it('lets the next one try once its probe is over, though nobody noted its end', () => {
    const open = after([...storm, trouble(4, 'api')]);
    const over = { ...beginRepair({ ...open, inFlight: ['rem-1'] }, 'web/1', 'rem-1'), inFlight: [] };
    expect(causeRefusal(over, over, 'api/4')).toBeUndefined();
    expect(beginRepair(over, 'api/4', 'rem-2').causeBreakers).toEqual([
      { cause: ZONE, since: addSeconds(NOW, 2), isProbeFailed: false, probeRemediationId: 'rem-2' },
    ]);
  });

  it('says who fails together, since when, and what is waited for', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    const five = after(names.slice(0, 5).map((name, index) => trouble(index, name)));
    const seven = after(names.map((name, index) => trouble(index, name)));
    const since = addSeconds(NOW, 2);
    const share = (who: string) => `Many fail together: ${who} share the zone eu-central-1a (circuit breaker open since ${since})`;
    const pause = 'Repairs pause here; one probe at a time is tried by the sweep';
    expect(causeRefusal(emptyPlatform, five, 'a/0')).toBe(`${share('5 instances of a/web, b/web, c/web, d/web, e/web')}. ${pause}`);
    expect(causeRefusal(emptyPlatform, seven, 'a/0')).toBe(`${share('7 instances of a/web, b/web, c/web, d/web, e/web and 2 more')}. ${pause}`);
    const other: Platform = { ...emptyPlatform, causeBreakers: [{ cause: 'image:ami-1', since: NOW, isProbeFailed: false }] };
    expect(causeRefusal(other, five, 'a/0')).toBe(`${share('5 instances of a/web, b/web, c/web, d/web, e/web')}. ${pause}`);
    const probing = beginRepair({ ...five, inFlight: ['rem-1'] }, 'a/0', 'rem-1');
    expect(causeRefusal(probing, probing, 'b/1')).toBe(
      `${share('5 instances of a/web, b/web, c/web, d/web, e/web')}. One probe is under way (rem-1); nothing else may start`,
    );
    const failed = endRepair(probing, { id: 'rem-1', slotId: 'a/0', state: 'failed' });
    expect(causeRefusal(failed, failed, 'b/1')).toBe(
      `${share('5 instances of a/web, b/web, c/web, d/web, e/web')}. The probe replacement failed, so nothing is tried until a person resumes`,
    );
  });

  it('makes a repair that is under way its probe, and refuses who opens it', () => {
    const running = beginRepair({ ...after(storm.slice(0, 1)), inFlight: ['rem-1'] }, 'web/1', 'rem-1');
    const open = after(storm.slice(1), addSeconds(NOW, 1), running);
    expect(open.causeBreakers).toMatchObject([{ cause: ZONE, probeRemediationId: 'rem-1' }]);
    expect(causeRefusal(running, open, 'api/3')).toMatch(/One probe is under way \(rem-1\)/);
    const idle = after(storm);
    expect(causeRefusal(after(storm.slice(0, 2)), idle, 'api/3')).toMatch(/^Many fail together: 3 instances of web\/web, api\/web share the zone/);
    expect(causeRefusal(idle, idle, 'api/3')).toBeUndefined();
    expect(causeRefusal(idle, idle, 'other/1')).toBeUndefined();
  });

  it.each([
    ['failed', true, 'The probe replacement failed'],
    ['succeeded', false, undefined],
    ['vetoed', false, undefined],
    ['stood-down', false, undefined],
  ] as const)('after a probe that %s: probing stopped %s', (state, isProbeFailed, refusal) => {
    const probing = beginRepair({ ...after([...storm, trouble(4, 'api')]), inFlight: ['rem-1'] }, 'web/1', 'rem-1');
    const ended = endRepair(probing, { id: 'rem-1', slotId: 'web/1', state });
    expect(ended.causeBreakers).toEqual([{ cause: ZONE, since: addSeconds(NOW, 2), isProbeFailed }]);
    const answer = causeRefusal(ended, ended, 'api/3');
    if (refusal === undefined) expect(answer).toBeUndefined();
    else expect(answer).toContain(refusal);
    expect(ended.troubles).toHaveLength(state === 'succeeded' ? 3 : 4);
  });

  it('keeps its probe when another repair of the cause begins in some other way', () => {
    const probing = beginRepair({ ...after(storm), inFlight: ['rem-1'] }, 'web/1', 'rem-1');
    const other = beginRepair({ ...probing, inFlight: ['rem-1', 'rem-2'] }, 'web/2', 'rem-2');
    expect(other.causeBreakers).toMatchObject([{ probeRemediationId: 'rem-1' }]);
  });

  it('does not mind how a repair ends that is not its probe', () => {
    const probing = beginRepair({ ...after(storm), inFlight: ['rem-1'] }, 'web/1', 'rem-1');
    expect(endRepair(probing, { id: 'rem-9', slotId: 'web/2', state: 'failed' }).causeBreakers).toEqual(probing.causeBreakers);
  });

  it('closes when the count has stayed under the limit for the cool-down, and not before', () => {
    const open = after(storm);
    expect(settleCauses(open, 600, addSeconds(NOW, 80_000))).toEqual(open);
    const calm = settleCauses(calmSlot(open, 'web/1'), 600, addSeconds(NOW, 100));
    expect(calm.causeBreakers).toMatchObject([{ calmSince: addSeconds(NOW, 100) }]);
    expect(settleCauses(calm, 600, addSeconds(NOW, 699)).causeBreakers).toHaveLength(1);
    expect(settleCauses(calm, 600, addSeconds(NOW, 700)).causeBreakers).toEqual([]);
    const worse = noteTrouble(calm, trouble(9, 'web'), addSeconds(NOW, 200));
    expect(worse.causeBreakers).toEqual([{ cause: ZONE, since: addSeconds(NOW, 2), isProbeFailed: false }]);
  });

  it('forgets after a day what nobody has said to be over', () => {
    const open = after(storm);
    expect(settleCauses(open, 600, addSeconds(NOW, 86_402))).toMatchObject({ troubles: [], causeBreakers: [{ calmSince: addSeconds(NOW, 86_402) }] });
  });

  it('leaves a platform alone on which nothing is noted', () => {
    expect(settleCauses(emptyPlatform, 600, NOW)).toBe(emptyPlatform);
    expect(calmSlot(emptyPlatform, 'web/1')).toBe(emptyPlatform);
    expect(beginRepair(emptyPlatform, 'web/1', 'rem-1')).toBe(emptyPlatform);
    const one = after(storm.slice(0, 1));
    expect(calmSlot(one, 'web/2')).toBe(one);
    const closed: Platform = { ...one, causeBreakers: [] };
    expect(settleCauses(closed, 600, addSeconds(NOW, 90_000))).toBe(closed);
    expect(resumeCauses(emptyPlatform, undefined).platform).toBe(emptyPlatform);
    expect(noteTrouble(emptyPlatform, trouble(1, 'web', { causes: [] }), NOW)).toBe(emptyPlatform);
  });

  it('closes with everything else when a person resumes everything, and counting begins anew', () => {
    const open = after(storm);
    expect(resumeCauses({ ...open, inFlight: ['rem-1'] }, undefined)).toStrictEqual({ platform: { ...emptyPlatform, inFlight: ['rem-1'] }, causes: [ZONE] });
    const counting = after(storm.slice(0, 1));
    expect(resumeCauses(counting, undefined)).toStrictEqual({ platform: emptyPlatform, causes: [] });
    const opened: Platform = { ...emptyPlatform, causeBreakers: open.causeBreakers ?? [] };
    expect(resumeCauses(opened, undefined)).toStrictEqual({ platform: emptyPlatform, causes: [ZONE] });
    expect(resumeCauses(emptyPlatform, undefined)).toEqual({ platform: emptyPlatform, causes: [] });
  });

  it('is probed again when a person resumes one system that shares its cause; no other breaker is', () => {
    const open = after(storm);
    const failed: Platform = {
      ...open,
      causeBreakers: [
        { cause: ZONE, since: NOW, isProbeFailed: true },
        { cause: 'image:ami-1', since: NOW, isProbeFailed: true },
      ],
    };
    expect(resumeCauses(failed, 'web')).toEqual({
      platform: {
        ...failed,
        causeBreakers: [
          { cause: ZONE, since: NOW, isProbeFailed: false },
          { cause: 'image:ami-1', since: NOW, isProbeFailed: true },
        ],
      },
      causes: [ZONE],
    });
  });

  it.each([
    ['a system that shares nothing', 'db'],
    ['a system whose name only begins so', 'we'],
  ])('stays as it is when a person resumes %s', (_what, system) => {
    const failed: Platform = { ...after(storm), causeBreakers: [{ cause: ZONE, since: NOW, isProbeFailed: true }] };
    const answer = resumeCauses(failed, system);
    expect(answer).toEqual({ platform: failed, causes: [] });
    expect(answer.platform).toBe(failed);
  });

  it('has nothing to resume for a system while its probe has not failed, or where nothing is noted', () => {
    const open = after(storm);
    expect(resumeCauses(open, 'web')).toEqual({ platform: open, causes: [] });
    expect(resumeCauses(open, 'web').platform).toBe(open);
    expect(resumeCauses(emptyPlatform, 'web')).toEqual({ platform: emptyPlatform, causes: [] });
  });

  it('keeps its bounds, its form and one probe for each cause, whatever is said in whatever order', () => {
    const causes = fc.subarray(['zone:a', 'zone:b', 'image:1', 'image:2', 'deployment:1'], { minLength: 1 });
    const step = fc.record({
      slot: fc.nat(300),
      group: fc.nat(6),
      causes,
      seconds: fc.nat(400),
      what: fc.constantFrom('begin', 'end', 'fail', 'calm', 'settle'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        let platform: Platform = emptyPlatform;
        let now: Timestamp = NOW;
        for (const { slot, group, causes: shared, seconds, what } of steps) {
          now = addSeconds(now, seconds);
          const slotId = `s-${group}/${slot}`;
          const [before, id] = [platform, `rem-${slotId}`];
          platform = noteTrouble(platform, trouble(slot, `s-${group}`, { slotId, causes: shared }), now);
          if (what === 'begin' && causeRefusal(before, platform, slotId) === undefined && platform.inFlight.length < 5) {
            const open = openCausesOf(platform, slotId);
            for (const { probeRemediationId } of open) expect(platform.inFlight).not.toContain(probeRemediationId);
            platform = beginRepair({ ...platform, inFlight: [...platform.inFlight, id] }, slotId, id);
          }
          if (what === 'calm') platform = calmSlot(platform, slotId);
          if (what === 'settle') platform = settleCauses(platform, 600, now);
          if (what === 'end' || what === 'fail') {
            platform = endRepair(platform, { id, slotId, state: what === 'end' ? 'succeeded' : 'failed' });
            platform = { ...platform, inFlight: platform.inFlight.filter((other) => other !== id) };
          }
          expect(platform.troubles?.length ?? 0).toBeLessThanOrEqual(200);
          expect(platform.causeBreakers?.length ?? 0).toBeLessThanOrEqual(5);
        }
        expect(platformSchema.safeParse(platform).success).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});
