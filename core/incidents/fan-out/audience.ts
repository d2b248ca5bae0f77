import type { CompiledCatalog, NotificationRoute, System } from '../../catalog/schema.ts';
import type { Severity } from '../../signals/signal.ts';
import { notifiedSeverity } from './channels.ts';
import type { NotificationStep } from '../record.ts';

/** Why somebody hears of something; each is a list of names in `System.spec.owners`. `upstream`: a system they own needs the failing one. */
export const audienceRoles = ['owner', 'operators', 'developers', 'business', 'upstream'] as const;
export type AudienceRole = (typeof audienceRoles)[number];

type Roles = readonly AudienceRole[];
type BySeverity = Readonly<Record<Severity, Roles>>;

const always = (roles: Roles): BySeverity => ({ critical: roles, high: roles, warning: roles, info: roles });

const answers: Roles = ['operators', 'owner'];
const builds: Roles = ['operators', 'owner', 'developers'];
const everybody: Roles = ['operators', 'owner', 'developers', 'business'];

/** The business hears of what customers notice: that it began, that a person is needed, that it is over. */
const noticed: BySeverity = { critical: everybody, high: everybody, warning: builds, info: builds };
const atOnce: BySeverity = { ...noticed, high: builds };

/**
 * Who is told of what (issue "signals and incidents", fan-out by role; S4-40). Operators hear of everything but their neighbours' trouble,
 * so that a catalog with one route `operators` misses nothing.
 */
const audienceTable = {
  detected: atOnce,
  replacing: atOnce,
  recovered: noticed,
  'needs-person': noticed,
  'would-have': always(builds),
  'unknown-instance': always(builds),
  // The level says whom; without one, who may answer.
  escalated: always(answers),
  // Who may say yes or no.
  'approval-needed': always(answers),
  'drill-ended': always(builds),
  'deploy-started': always(builds),
  'deploy-finished': always(builds),
  'deploy-failed': always(builds),
  'deploy-rolled-back': always(builds),
  // Who sends the events builds them.
  'dead-letter': always(builds),
  digest: always(everybody),
  drift: always(builds),
  upstream: always(['upstream']),
  delivery: always(builds),
} as const satisfies Record<NotificationStep, BySeverity>;

/** The roles that hear of a step of an incident of this severity. */
export function rolesOf(step: NotificationStep, severity: Severity): Roles {
  return audienceTable[step][notifiedSeverity(step, severity)];
}

/** What a route may be called: other names of people in the catalog are for reading only. */
const routeRole = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const MAX_NAMES = 150;

function namesOf({ spec: { owners } }: System, role: AudienceRole): readonly string[] {
  switch (role) {
    case 'owner':
    case 'upstream':
      return [owners.owner];
    case 'operators':
    case 'developers':
    case 'business':
      return owners[role];
  }
}

function withNames(roles: readonly AudienceRole[], systems: readonly System[]): readonly string[] {
  const names = systems.flatMap((system) => roles.flatMap((role) => namesOf(system, role))).filter((name) => routeRole.test(name));
  return [...new Set([...roles, ...names])].slice(0, MAX_NAMES);
}

/**
 * Whose a message is: the roles, and the names that the system's catalog entry gives to them, so that a route may be for a role of every
 * system (`role: developers`) or for one team in whatever role (`role: team-shop`).
 *
 * @param system what it is about; absent when nobody owns it
 */
export function audienceOf(step: NotificationStep, severity: Severity, system?: System): readonly string[] {
  return withNames(rolesOf(step, severity), system === undefined ? [] : [system]);
}

/** The same for roles that somebody else has chosen, such as a level of escalation; what is no audience is the role of a route. */
export function namedAudience(roles: readonly string[], system?: System): readonly string[] {
  const known = audienceRoles.filter((role) => roles.includes(role));
  return [...new Set([...roles, ...withNames(known, system === undefined ? [] : [system])])];
}

/** Whose an upstream notice is: the owners of the systems that need the failing one. `owner` too: a route for all owners has them. */
export function upstreamAudience(dependants: readonly System[]): readonly string[] {
  return [...new Set(['owner', ...withNames(['upstream'], dependants)])];
}

type Routed = Pick<CompiledCatalog, 'systems' | 'routes'>;

/**
 * What a route's subscriptions filter on: its own role, or `undefined` = everything. A role that names neither an audience nor anybody in the
 * catalog would hear nothing; it gets everything of its severities instead, as it did before there were roles.
 */
export function filterRoleOf({ spec: { role } }: NotificationRoute, systems: readonly System[]): string | undefined {
  const isAudience = audienceRoles.some((known) => known === role);
  return isAudience || systems.some((system) => audienceRoles.some((known) => namesOf(system, known).includes(role))) ? role : undefined;
}

/** The routes that a message with these roles and this severity reaches. */
export function routesFor(roles: readonly string[], severity: Severity, { systems, routes }: Routed): readonly NotificationRoute[] {
  return routes.filter((route) => {
    const filter = filterRoleOf(route, systems);
    return route.spec.severities.includes(severity) && (filter === undefined || roles.includes(filter));
  });
}

/** The systems that need this one. */
export function dependantsOf(name: string | undefined, systems: readonly System[]): readonly System[] {
  return name === undefined ? [] : systems.filter(({ spec }) => spec.links.some((link) => link.to === name));
}
