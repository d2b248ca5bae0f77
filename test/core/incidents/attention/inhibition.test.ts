import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inhibitorOf, type LinkedSystem } from '../../../../core/incidents/attention/inhibition.ts';
import type { Incident } from '../../../../core/incidents/record.ts';
import { incidentOf } from '../world.ts';

const systemOf = (name: string, ...to: readonly string[]): LinkedSystem => ({
  metadata: { name, labels: {} },
  spec: { links: to.map((other) => ({ to: other, kind: 'needs' })) },
});
const failing = (system: string, change: Partial<Incident> = {}): Incident => incidentOf({ id: `inc-${system}`, system, place: system, ...change });

const chain = [systemOf('web', 'api'), systemOf('api', 'db'), systemOf('db'), systemOf('mail')];

describe('inhibitorOf', () => {
  const web = failing('web');
  it.each<[string, readonly Incident[], string | undefined]>([
    ['nothing else is open', [web], undefined],
    ['the parent fails', [failing('api')], 'inc-api'],
    ['a parent that is being repaired', [failing('api', { state: 'repairing' })], 'inc-api'],
    ['a parent that somebody has', [failing('api', { state: 'acknowledged' })], 'inc-api'],
    ['a parent that is calm again', [failing('api', { state: 'stable' })], undefined],
    ['a parent that is over', [failing('api', { state: 'resolved' })], undefined],
    ['a parent that only warns', [failing('api', { severity: 'warning' })], undefined],
    ['only direct links count', [failing('db')], undefined],
    ['a stranger', [failing('mail')], undefined],
    ['another incident of the same system', [failing('web', { id: 'inc-other' })], undefined],
  ])('%s', (_name, open, expected) => expect(inhibitorOf(web, open, chain)?.id).toBe(expected));

  it('follows a chain, because who is silent still has an incident', () => {
    const open = [failing('web'), failing('api'), failing('db')];
    expect(open.map((incident) => inhibitorOf(incident, open, chain)?.id)).toEqual(['inc-api', 'inc-db', undefined]);
  });

  it('explains nothing that is louder than itself', () => {
    expect(inhibitorOf(failing('web', { severity: 'critical' }), [failing('api')], chain)).toBeUndefined();
    expect(inhibitorOf(failing('web', { severity: 'critical' }), [failing('api', { severity: 'critical' })], chain)?.id).toBe('inc-api');
  });

  it('lets the oldest of a circle be heard', () => {
    const circle = [systemOf('a', 'b'), systemOf('b', 'c'), systemOf('c', 'a')];
    const open = [failing('a', { openedAt: '2026-11-21T09:00:02.000Z' }), failing('b', { openedAt: '2026-11-21T09:00:01.000Z' }), failing('c')];
    expect(open.map((incident) => inhibitorOf(incident, open, circle)?.id)).toEqual(['inc-b', 'inc-c', undefined]);
    const pair = [systemOf('a', 'b'), systemOf('b', 'a')];
    const both = [failing('a'), failing('b')];
    expect(both.map((incident) => inhibitorOf(incident, both, pair)?.id)).toEqual([undefined, 'inc-a']);
  });

  it('never hides what a louder or equal failure further down does not explain, however systems are linked', () => {
    const names = ['a', 'b', 'c', 'd', 'e'] as const;
    const links = fc.array(fc.tuple(fc.constantFrom(...names), fc.constantFrom(...names)), { maxLength: 12 });
    const incidents = fc.array(
      fc.record({
        system: fc.constantFrom(...names),
        severity: fc.constantFrom('critical', 'high', 'warning', 'info'),
        state: fc.constantFrom('open', 'acknowledged', 'repairing', 'stable', 'resolved'),
        openedAt: fc.constantFrom('2026-11-21T09:00:00.000Z', '2026-11-21T09:00:01.000Z', '2026-11-21T09:00:02.000Z'),
      }),
      { maxLength: 7 },
    );
    fc.assert(
      fc.property(links, incidents, (pairs, drawn) => {
        const systems = names.map((name) => systemOf(name, ...pairs.flatMap(([from, to]) => (from === name ? [to] : []))));
        const open = drawn.map((change, index) => failing(change.system, { ...change, id: `inc-${index}` } as const));
        for (const incident of open) {
          let heard: Incident = incident;
          const path = [heard.system];
          // Whoever is silent is so because of somebody who is heard, and whom it needs.
          for (let hops = 0; ; hops += 1) {
            const parent = inhibitorOf(heard, open, systems);
            if (parent === undefined) break;
            expect(hops).toBeLessThan(open.length);
            const direct = systems.find(({ metadata }) => metadata.name === heard.system)?.spec.links.some(({ to }) => to === parent.system);
            expect(direct).toBe(true);
            heard = parent;
            path.push(parent.system);
          }
          if (heard !== incident) expect(['critical', 'high']).toContain(heard.severity);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
