import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addSeconds } from '../../../../core/environment/time.ts';
import { inhibitorOf } from '../../../../core/incidents/attention/inhibition.ts';
import { addSilence } from '../../../../core/incidents/attention/silence.ts';
import { type Incident, incidentType } from '../../../../core/incidents/record.ts';
import { keys } from '../../../../core/records/keys.ts';
import { readRecord } from '../../../../core/records/record-type.ts';
import { CrashError, scope } from '../world.ts';
import { type AttentionWorld, attentionWorld, routeOf, systems } from './attention-world.ts';

const names = ['shop-web', 'shop-db', 'mail'] as const;
const steps = ['detected', 'needs-person', 'would-have'] as const;
const severities = ['critical', 'high', 'warning'] as const;

const act = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('fire' as const),
      system: fc.constantFrom(...names),
      severity: fc.constantFrom(...severities),
      step: fc.constantFrom(...steps),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('again' as const), which: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('end' as const), which: fc.nat(9) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), minutes: fc.integer({ min: 1, max: 8 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('silence' as const), system: fc.constantFrom(...names), minutes: fc.integer({ min: 1, max: 20 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('crash' as const),
      call: fc.integer({ min: 1, max: 8 }),
      moment: fc.constantFrom('before' as const, 'after' as const),
    }),
  },
);
type Act = typeof act extends fc.Arbitrary<infer Value> ? Value : never;

interface History {
  readonly world: AttentionWorld;
  /** As they were opened, with the step they were told with. */
  readonly opened: { incident: Incident; step: (typeof steps)[number]; isOver: boolean }[];
  crashes: number;
}

/** Runs until it ends without a crash, as queues and schedules do. */
async function survive(history: History, run: () => Promise<unknown>): Promise<void> {
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      await run();
      break;
    } catch (error) {
      if (!(error instanceof CrashError)) throw error;
      history.crashes += 1;
    }
  }
  history.world.crashes.dieAt(0, 'before');
}

async function play(acts: readonly Act[]): Promise<History> {
  const history: History = { world: attentionWorld({ routes: [routeOf()] }), opened: [], crashes: 0 };
  const { world, opened } = history;
  for (const one of acts) await playOne(history, one);
  world.crashes.dieAt(0, 'before');
  // Nothing lasts: silences end, and so does what is still open.
  await world.minutes(25);
  for (const trouble of opened.filter(({ isOver }) => !isOver)) await world.end(trouble.incident);
  await world.minutes(10);
  return history;
}

async function playOne(history: History, one: Act): Promise<void> {
  const { world, opened } = history;
  switch (one.kind) {
    case 'fire': {
      const incident = await world.open(`inc-${opened.length}`, { system: one.system, severity: one.severity });
      opened.push({ incident, step: one.step, isOver: false });
      return survive(history, () => world.tell(incident, one.step));
    }
    case 'again': {
      const trouble = opened[one.which];
      return trouble === undefined || trouble.isOver ? undefined : survive(history, () => world.tell(trouble.incident, trouble.step));
    }
    case 'end': {
      const trouble = opened[one.which];
      if (trouble === undefined || trouble.isOver) return;
      trouble.isOver = true;
      return survive(history, () => world.end(trouble.incident));
    }
    case 'wait': {
      // A crash of the desk is made good by its next minute.
      for (let minute = 0; minute < one.minutes; minute += 1) await survive(history, () => world.minutes(1));
      return;
    }
    case 'silence': {
      world.crashes.dieAt(0, 'before');
      const now = world.clock.now();
      await addSilence(world.ports, {
        id: `sil-${now}`,
        matchers: { system: one.system },
        author: 'kim',
        reason: 'history',
        startsAt: now,
        endsAt: addSeconds(now, 60 * one.minutes),
      });
      return;
    }
    case 'crash':
      world.crashes.dieAt(one.call, one.moment);
  }
}

/** What was said of an incident to people or programs, by its own message or in that of another one. */
function heardOf({ world }: History, id: string) {
  return world.publisher.delivered.filter(
    ({ notificationId, data }) => notificationId.startsWith(`${id}:`) || JSON.stringify(data['together'] ?? []).includes(`"${id}"`),
  );
}

const histories = fc.array(act, { minLength: 3, maxLength: 25 });

describe('random histories (issue 5, "how it is shown")', () => {
  it('page once per incident and step; what comes twice is marked, and there is no more of it than crashes', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (acts) => {
        const history = await play(acts);
        const { delivered } = history.world.publisher;
        const unmarked = delivered.filter(({ isRepeat }) => !isRepeat).map(({ notificationId }) => notificationId);
        expect(new Set(unmarked).size).toBe(unmarked.length);
        expect(delivered.filter(({ isRepeat }) => isRepeat).length).toBeLessThanOrEqual(history.crashes);
      }),
      { numRuns: 150 },
    );
  });

  it('send an end to every channel that heard of the beginning', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (acts) => {
        const history = await play(acts);
        for (const { incident } of history.opened) {
          const heard = heardOf(history, incident.id);
          const isEnd = ({ notificationId }: { readonly notificationId: string }) => notificationId === `${incident.id}:resolved`;
          const begun = new Set(heard.filter((message) => !isEnd(message)).flatMap(({ channels }) => channels));
          const ended = new Set(heard.filter(isEnd).flatMap(({ channels }) => channels));
          for (const channel of begun) expect([...ended], `${incident.id} was told by ${[...begun].join()}`).toContain(channel);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('lose nobody: what lasts is told to people, unless something it needs explains it or somebody silenced it', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (acts) => {
        const history: History = { world: attentionWorld(), opened: [], crashes: 0 };
        const { world } = history;
        for (const one of acts) await playOne(history, one);
        world.crashes.dieAt(0, 'before');
        await world.minutes(25);
        const open = (
          await Promise.all(history.opened.map(({ incident }) => readRecord(world.memory, incidentType, keys.incident(scope, incident.id))))
        ).flatMap((record) => (record === undefined || record.body.state === 'resolved' ? [] : [record.body]));
        for (const incident of open) {
          const step = history.opened.find((trouble) => trouble.incident.id === incident.id)?.step;
          const isForPeople = step !== 'detected' || incident.severity !== 'high';
          if (!isForPeople || inhibitorOf(incident, open, systems) !== undefined) continue;
          const reached = heardOf(history, incident.id).some(({ channels }) => channels.includes('email'));
          expect(reached, `${incident.id} of ${incident.system} (${incident.severity}, ${step})`).toBe(true);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('mute nobody whom neither a silence nor a parent concerns: mail is told as if it were alone', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (acts) => {
        const calm = acts.filter(({ kind }) => kind !== 'crash');
        const withOthers = await play(calm.filter((one) => one.kind !== 'silence' || one.system !== 'mail'));
        for (const { incident } of withOthers.opened.filter((trouble) => trouble.incident.system === 'mail')) {
          const record = heardOf(withOthers, incident.id).some(({ data }) => data['suppressedBy'] !== undefined);
          expect(record).toBe(false);
        }
      }),
      { numRuns: 100 },
    );
  });
});
