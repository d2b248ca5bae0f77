import { describe, expect, it } from 'vitest';
import { severities, type System } from '../../../../core/catalog/schema.ts';
import { audienceOf, audienceRoles, dependantsOf, filterRoleOf, rolesOf, routesFor, upstreamAudience } from '../../../../core/incidents/fan-out/audience.ts';
import { notificationStepSchema } from '../../../../core/incidents/record.ts';
import { routeOf } from '../routes.ts';
import { shopWeb } from '../world.ts';

function systemOf(name: string, owners: System['spec']['owners'], links: readonly string[] = []): System {
  return { ...shopWeb, metadata: { ...shopWeb.metadata, name }, spec: { ...shopWeb.spec, owners, links: links.map((to) => ({ to, kind: 'api' })) } };
}

const steps = notificationStepSchema.options;

describe('who is told of what', () => {
  it('operators hear of every step and severity, so that one route is enough; of a neighbour only its owners do', () => {
    for (const step of steps) {
      for (const severity of severities) expect(rolesOf(step, severity).includes('operators'), `${step} ${severity}`).toBe(step !== 'upstream');
    }
  });

  it('the business hears of what customers notice, and of no deploy, drift or dead letter', () => {
    const heard = steps.filter((step) => rolesOf(step, 'high').includes('business'));
    expect(heard).toEqual(['recovered', 'needs-person', 'digest']);
    expect(rolesOf('detected', 'critical')).toContain('business');
    expect(rolesOf('recovered', 'warning')).not.toContain('business');
  });

  it('the severity that counts is the one it is sent with: a person who is needed is never a warning', () => {
    expect(rolesOf('needs-person', 'info')).toEqual(rolesOf('needs-person', 'high'));
  });

  it('names the teams that the catalog gives to the roles, so that a route may be for a role or for a team (S3-22)', () => {
    expect(audienceOf('needs-person', 'high', shopWeb)).toEqual(['operators', 'owner', 'developers', 'business', 'ops', 'team-shop', 'sales']);
    expect(audienceOf('approval-needed', 'high', shopWeb)).toEqual(['operators', 'owner', 'ops', 'team-shop']);
    expect(audienceOf('unknown-instance', 'high')).toEqual(['operators', 'owner', 'developers']);
  });

  it('passes over names that no route can have, and is bounded', () => {
    const many = Array.from({ length: 400 }, (_, index) => `team-${index}`);
    const roles = audienceOf('needs-person', 'high', systemOf('x', { owner: 'Team "A"\\', operators: many, developers: [], business: ['Kim <k@x>'] }));
    expect(roles).toHaveLength(150);
    expect(roles.every((role) => /^[a-z0-9-]+$/.test(role))).toBe(true);
  });
});

describe('which routes those are', () => {
  const systems = [shopWeb];
  const routes = [
    routeOf('ops', 'operators'),
    routeOf('shop', 'team-shop'),
    routeOf('devs', 'developers', { severities: ['warning'] }),
    routeOf('old', 'readers'),
  ];

  it('a route gets only what is for its role, and its severities', () => {
    const reached = routesFor(['operators', 'ops'], 'high', { systems, routes }).map(({ metadata }) => metadata.name);
    expect(reached).toEqual(['ops', 'old']);
    expect(routesFor(['developers', 'team-shop'], 'warning', { systems, routes }).map(({ metadata }) => metadata.name)).toEqual(['devs']);
  });

  it('a role that nobody has gets everything, as before there were roles', () => {
    expect(routes.map((route) => filterRoleOf(route, systems))).toEqual(['operators', 'team-shop', 'developers', undefined]);
  });

  it.each(audienceRoles)('"%s" is a role by itself', (role) => {
    expect(filterRoleOf(routeOf('any', role), [])).toBe(role);
  });
});

describe('neighbours (S4-40)', () => {
  it('are the owners of the systems that need the failing one', () => {
    const owners = { owner: 'team-orders', operators: ['ops'], developers: ['dev-orders'], business: ['sales'] };
    const systems = [systemOf('db', owners), systemOf('orders', owners, ['db']), systemOf('pay', { ...owners, owner: 'team-pay' }, ['db', 'orders'])];
    expect(dependantsOf('db', systems).map(({ metadata }) => metadata.name)).toEqual(['orders', 'pay']);
    expect(dependantsOf(undefined, systems)).toEqual([]);
    expect(upstreamAudience(dependantsOf('db', systems))).toEqual(['owner', 'upstream', 'team-orders', 'team-pay']);
  });
});
