import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keys, lists, partitions } from '../../../core/records/keys.ts';

const scope = { accountId: '111122223333', region: 'eu-central-1' };

describe('keys', () => {
  it('has account and Region in every partition from the first day', () => {
    const all = Object.values(partitions).map((partition) => partition(scope, 'x'));
    expect(all).toHaveLength(Object.keys(partitions).length);
    for (const partition of all) expect(partition).toMatch(/^111122223333#eu-central-1#[a-z-]+/);
  });

  it('gives every kind of record a place of its own', () => {
    const places = [
      keys.catalogPointer(scope),
      keys.catalog(scope, 'h'),
      keys.catalogPart(scope, 'h', 0),
      keys.system(scope, 'x'),
      keys.instance(scope, 'x'),
      keys.slot(scope, 'x'),
      keys.group(scope, 'x'),
      keys.platform(scope),
      keys.sweep(scope),
      keys.impairedPoll(scope),
      keys.functionVersions(scope),
      keys.pause(scope, 'x'),
      keys.capture(scope, 'x'),
      keys.remediation(scope, 'x'),
      keys.declaration(scope, 'x'),
      keys.incident(scope, 'x'),
      keys.incidentPlace(scope, 'x'),
      keys.timeline(scope, 'x', '2026', 'x'),
      keys.signal(scope, 'x'),
      keys.signalEvent(scope, 'x'),
      keys.notification(scope, 'x'),
      keys.objectiveState(scope, 'x'),
      keys.objectiveDay(scope, 'x', '2026-11-21'),
      keys.deployment(scope, 'x'),
      keys.image(scope, 'web', 'x'),
      keys.deadLetter(scope, 'x'),
    ].map(({ partition, sort }) => `${partition}/${sort}`);
    expect(new Set(places).size).toBe(places.length);
  });

  it('puts every open incident on one of the shards that readers ask', () => {
    const shards = new Set(lists.openIncidentShards(scope));
    const property = fc.property(fc.string({ unit: 'binary' }), (incidentId) => {
      expect(shards.has(lists.openIncident(scope, incidentId).list)).toBe(true);
    });
    fc.assert(property);
    expect(shards.size).toBe(16);
  });
});

describe('identifiers on shards', () => {
  it('spreads incidents over all shards, so that no shard is hot', () => {
    const counts = new Map<string, number>();
    for (let index = 0; index < 1600; index += 1) {
      const { list } = lists.openIncident(scope, `inc-20261121090000000-${index.toString(16).padStart(12, '0')}`);
      counts.set(list, (counts.get(list) ?? 0) + 1);
    }
    expect(counts.size).toBe(16);
    expect(Math.max(...counts.values())).toBeLessThan(400);
  });
});
