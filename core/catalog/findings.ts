import { isReferenced, type ReadDocument } from './documents.ts';
import { durationSeconds, targetRatio } from './durations.ts';
import { matchesGlob } from './glob.ts';
import { alertSeverityOf, knownAlertSeverities } from './openslo/alert-severity.ts';
import type { ServiceLevelObjective } from './openslo/openslo.ts';
import { availabilityObjective } from './openslo/openslo-defaults.ts';
import type { DataSource } from './openslo/openslo-indicator.ts';
import type { CatalogProblem, Complaint } from './problem.ts';
import type { RemediationPolicy, System } from './schema.ts';

/*
 * Findings: what may be deployed, but what somebody should know or complete. Shown as warnings.
 */

/** A replacement may take up to ten minutes (requirement S4-16). */
export const replacementSeconds = 600;

function systemFindings(system: System): readonly Complaint[] {
  const { metadata, spec } = system;
  const { name } = metadata;
  const promised = availabilityObjective(system);
  const gap = (key: string, means: string, fix: string): Complaint => ({
    path: ['spec'],
    key,
    message: `the ${key} of "${name}" is not described: ${means}`,
    fix,
  });
  return [
    ...(spec.purpose.trim() === ''
      ? [gap('purpose', 'a page about it can not say what it is for (S0-06)', 'Add "purpose:" with one line, for example "Storefront pages".')]
      : []),
    ...(spec.impact.trim() === ''
      ? [gap('impact', 'a page about it can not say what the company loses (S3-04)', 'Add "impact:" with one line, for example "Customers cannot order".')]
      : []),
    ...(spec.resources === undefined
      ? [
          gap(
            'resources',
            'a replacement that is too small can not be noticed (S0-07)',
            'Add "resources:" with cpuCount, memoryGiB and diskGiB, each { min, average, max }.',
          ),
        ]
      : []),
    ...(spec.os === undefined
      ? [gap('os', 'the inventory shows only what the image says (S0-08)', 'Add, for example, "os: { name: Amazon Linux, version: \'2023\' }".')]
      : []),
    ...(promised === undefined ? [] : objectiveFinding(promised, 0, system).map((finding) => ({ ...finding, path: ['spec', 'availability'], key: 'target' }))),
  ];
}

function policyFindings({ spec }: RemediationPolicy, systems: ReadonlyMap<string, System>): readonly Complaint[] {
  const system = systems.get(spec.system);
  if (system === undefined) return [];
  return spec.triggers.flatMap((trigger, index): readonly Complaint[] => {
    if (typeof trigger === 'string' || system.spec.alarms.some((glob) => matchesGlob(glob, trigger.alarm))) return [];
    return [
      {
        path: ['spec', 'triggers', index, 'alarm'],
        message: `the alarm "${trigger.alarm}" is not among the alarms of the system "${spec.system}", so it would never be taken as one of its own`,
        fix: `Add "${trigger.alarm}" or a pattern for it to "alarms" of the System "${spec.system}".`,
      },
    ];
  });
}

function rounded(value: number, digits: number): string {
  return String(Number(value.toPrecision(digits)));
}

/** Seconds that an objective allows to be bad in its window. */
export function budgetSeconds(slo: ServiceLevelObjective, objective: ServiceLevelObjective['spec']['objectives'][number]): number {
  const windowSeconds = durationSeconds(slo.spec.timeWindow[0]?.duration ?? '') ?? 0;
  // Through 12 digits, because 1 - 0.999 is not exactly 0.001.
  return Number((windowSeconds * (1 - targetRatio(objective))).toPrecision(12));
}

/** The highest target of a window that one replacement of ten minutes does not break: 99.977 % over 30 days. */
function reachablePercent(slo: ServiceLevelObjective): string {
  const windowSeconds = durationSeconds(slo.spec.timeWindow[0]?.duration ?? '') ?? 0;
  const percent = Math.max(0, Math.floor((1 - replacementSeconds / windowSeconds) * 100_000) / 1000);
  return String(percent);
}

function objectiveFinding(slo: ServiceLevelObjective, index: number, system: System | undefined): readonly Complaint[] {
  const objective = slo.spec.objectives[index];
  if (objective === undefined) return [];
  const seconds = budgetSeconds(slo, objective);
  const path = ['spec', 'objectives', index];
  const key = objective.target === undefined ? 'targetPercent' : 'target';
  const percent = rounded(targetRatio(objective) * 100, 9);
  const promise = `${percent} % over ${slo.spec.timeWindow[0]?.duration ?? 'the window'} allows ${rounded(seconds, 6)} s`;
  if (seconds < replacementSeconds) {
    return [
      {
        path,
        key,
        message: `${promise}, but one replacement may take ${replacementSeconds} s: a single outage that needs one breaks the budget`,
        fix: `Choose at most ${reachablePercent(slo)} %, or run several instances that can stand in for each other (topology: multiple).`,
      },
    ];
  }
  if (system?.spec.topology !== 'single') return [];
  const { rtoSeconds } = system.spec.recovery;
  const repairs = Math.floor(seconds / rtoSeconds);
  if (repairs >= 4) return [];
  return [
    {
      path,
      key,
      message: `${promise}, and "${slo.spec.service}" is a single machine that is down while it is replaced (up to ${rtoSeconds} s by its RTO): ${repairs === 0 ? 'no replacement fits' : `only ${repairs} fit`} into the budget`,
      fix: 'Lower the target, shorten recovery.rtoSeconds by measuring it, or run several instances (topology: multiple).',
    },
  ];
}

/** What a declared alert says that has another meaning here, or none. */
function alertFindings({ spec }: ServiceLevelObjective): readonly Complaint[] {
  return (spec.alertPolicies ?? []).flatMap((policy, index): readonly Complaint[] => {
    const severity = policy.spec?.conditions[0]?.spec?.severity;
    if (policy.spec === undefined || severity === undefined) return [];
    const path = ['spec', 'alertPolicies', index];
    const { alertWhenBreaching, alertWhenNoData, notificationTargets } = policy.spec;
    const unknown = {
      path,
      message: `the severity "${severity}" is not known: it is told as a warning`,
      fix: `Write one of ${knownAlertSeverities.join(', ')}.`,
    };
    const silent = {
      path,
      message: 'this policy tells nobody: neither alertWhenBreaching nor alertWhenNoData is true',
      fix: 'Write "alertWhenBreaching: true". The end of what was told is always told.',
    };
    const targeted = {
      path,
      message: 'its notificationTargets are not used: NotificationRoute documents say who is told of what',
      fix: 'Leave "notificationTargets: []", and write a NotificationRoute for the system.',
    };
    return [
      ...(alertSeverityOf(severity) === undefined ? [unknown] : []),
      ...(alertWhenBreaching || alertWhenNoData ? [] : [silent]),
      ...(notificationTargets.length === 0 ? [] : [targeted]),
    ];
  });
}

function sloFindings(slo: ServiceLevelObjective, systems: ReadonlyMap<string, System>): readonly Complaint[] {
  return [...alertFindings(slo), ...slo.spec.objectives.flatMap((_, index) => objectiveFinding(slo, index, systems.get(slo.spec.service)))];
}

/** A key to another system has no business in git, and Perennial reads with its own role. */
function dataSourceFindings({ spec }: DataSource): readonly Complaint[] {
  if (Object.keys(spec.connectionDetails ?? {}).length === 0) return [];
  return [
    {
      path: ['spec'],
      key: 'connectionDetails',
      message: 'connectionDetails are not used: Perennial reads CloudWatch with the role of its functions',
      fix: 'Remove them; above all, remove any access key from git and revoke it.',
    },
  ];
}

function findingsOf({ value }: ReadDocument, systems: ReadonlyMap<string, System>): readonly Complaint[] {
  if (value === undefined) return [];
  if (isReferenced(value)) return value.kind === 'DataSource' ? dataSourceFindings(value) : [];
  switch (value.kind) {
    case 'System':
      return systemFindings(value);
    case 'RemediationPolicy':
      return policyFindings(value, systems);
    case 'SLO':
      return sloFindings(value, systems);
    case 'NotificationRoute':
    case 'MaintenanceWindow':
    case 'EscalationPolicy':
    case 'Service':
      return [];
  }
}

/** Systems without any route for critical incidents: a repair that fails would wake nobody. */
function missingRoute(documents: readonly ReadDocument[]): readonly CatalogProblem[] {
  const system = documents.find(({ kind }) => kind === 'System');
  const isRouted = documents.some(
    ({ kind, value }) => kind === 'NotificationRoute' && (value?.kind !== 'NotificationRoute' || value.spec.severities.includes('critical')),
  );
  if (system === undefined || isRouted) return [];
  return [
    system.locate({
      path: [],
      message: 'no NotificationRoute takes the severity critical: when a repair fails, nobody is paged',
      fix: 'Add a document of kind NotificationRoute with "severities: [critical, high]".',
    }),
  ];
}

/** Everything worth knowing about a catalog that breaks no rule. */
export function findFindings(documents: readonly ReadDocument[]): readonly CatalogProblem[] {
  const systems = new Map(documents.flatMap(({ value }) => (value?.kind === 'System' ? [[value.metadata.name, value] as const] : [])));
  return [...missingRoute(documents), ...documents.flatMap((document) => findingsOf(document, systems).map(document.locate))];
}
