import { describe, expect, it } from 'vitest';
import type { System } from '../../../../core/catalog/schema.ts';
import { readTimeline } from '../../../../core/incidents/incidents.ts';
import type { Incident, NotificationStep } from '../../../../core/incidents/record.ts';
import { tellUpstream } from '../../../../core/incidents/fan-out/upstream.ts';
import { routeOf } from '../routes.ts';
import { createWorld, incidentOf, scope, shopWeb } from '../world.ts';

const orders: System = {
  ...shopWeb,
  metadata: { ...shopWeb.metadata, name: 'orders' },
  spec: { ...shopWeb.spec, owners: { owner: 'team-orders', operators: ['ops'], developers: [], business: [] }, links: [{ to: 'shop-web', kind: 'api' }] },
};
const catalog = { systems: [shopWeb, orders], routes: [routeOf('orders', 'team-orders'), routeOf('ops', 'operators')] };

async function tell(steps: readonly NotificationStep[], change: Partial<Incident> = {}, told = catalog) {
  const world = createWorld();
  for (const step of steps) await tellUpstream(world.ports, told, incidentOf(change), step);
  return world;
}

describe('an upstream incident (S4-40)', () => {
  it('is told to the owners of dependent systems, by mail, once, in their words', async () => {
    const { publisher } = await tell(['detected', 'needs-person', 'needs-person', 'would-have']);
    expect(publisher.delivered).toHaveLength(1);
    const [notice] = publisher.delivered;
    expect(notice).toMatchObject({
      notificationId: 'inc-20261121T090000-0a1b2c3d:upstream',
      step: 'upstream',
      severity: 'high',
      channels: ['https', 'email'],
      roles: ['owner', 'upstream', 'team-orders'],
      subject: '[high] upstream incident: shop-web has failed (eu-central-1)',
    });
    expect(notice?.text).toContain('Yours: orders, which the catalog says need shop-web.');
    expect(notice?.text).toContain('Who works on it: team-shop. You need not; errors of yours may come from it.');
    expect(notice?.data).toMatchObject({ dependants: ['orders'], state: 'open' });
  });

  it('and its end, once, to who was told of it', async () => {
    const { publisher } = await tell(['needs-person', 'recovered', 'recovered']);
    expect(publisher.delivered.map(({ subject }) => subject)).toEqual([
      '[high] upstream incident: shop-web has failed (eu-central-1)',
      '[high] upstream incident over: shop-web works again (eu-central-1)',
    ]);
    expect((await tell(['recovered'])).publisher.delivered).toEqual([]);
  });

  it.each([
    ['a repair runs', ['detected', 'replacing'], {}],
    ['it is a warning', ['needs-person'], { severity: 'warning' }],
    ['nobody needs the system', ['needs-person'], { system: 'orders' }],
    ['no system is known', ['needs-person'], { system: undefined }],
  ] as const)('nobody is told while %s', async (_, steps, change) => {
    const { system, ...rest } = { system: 'shop-web', ...change };
    const world = createWorld();
    const { system: _system, ...nameless } = incidentOf(rest);
    for (const step of steps) await tellUpstream(world.ports, catalog, system === undefined ? nameless : { ...nameless, system }, step);
    expect(world.publisher.delivered).toEqual([]);
  });

  it('says on the timeline when the catalog has no route for them', async () => {
    const { publisher, memory } = await tell(['needs-person', 'needs-person'], {}, { ...catalog, routes: [routeOf('ops', 'operators')] });
    expect(publisher.delivered).toEqual([]);
    expect((await readTimeline(memory, scope, incidentOf().id)).map(({ text }) => text)).toEqual([
      'The owners of dependent systems were not told: the catalog has no NotificationRoute for team-orders or the role upstream',
    ]);
  });
});
