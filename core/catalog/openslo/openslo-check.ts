import type { CatalogDocument, ReadDocument } from '../documents.ts';
import { delaySeconds, durationSeconds, targetRatio, timeSliceSeconds } from '../durations.ts';
import { explainIssue } from '../issues.ts';
import { nearest } from '../nearest.ts';
import { availabilityName } from './openslo-defaults.ts';
import type { Objective, ServiceLevelObjective } from './openslo.ts';
import type { AlertPolicy } from './openslo-alerts.ts';
import { type Indicator, type MetricSource, sourcesOf } from './openslo-indicator.ts';
import { type Library, libraryOf, resolveObjectives } from './openslo-resolve.ts';
import { cloudWatchMetricSchema, perennialIndicatorSchema, perennialIndicatorSchemas, sourceTypes } from './openslo-sources.ts';
import type { CatalogProblem, Complaint } from '../problem.ts';
import { rules } from '../rules.ts';

/*
 * What OpenSLO documents say about each other, checked where it is written, and what a catalog cannot keep of what the language allows.
 */

type ReferencedKind = 'SLI' | 'DataSource' | 'AlertPolicy' | 'AlertCondition' | 'AlertNotificationTarget';

type Path = readonly PropertyKey[];

interface Reference {
  readonly path: Path;
  readonly kind: ReferencedKind;
  readonly to: string;
  /** Of a metric source: it says itself what the DataSource would. */
  readonly isTyped?: boolean;
}

function referenceOf(path: Path, kind: ReferencedKind, to: string | undefined): readonly Reference[] {
  return to === undefined ? [] : [{ path, kind, to }];
}

function referencesOfIndicator(path: Path, indicator: Pick<Indicator, 'spec'> | undefined): readonly Reference[] {
  if (indicator === undefined) return [];
  return sourcesOf(indicator).flatMap(({ path: inner, source }) =>
    referenceOf([...path, ...inner, 'metricSourceRef'], 'DataSource', source.metricSourceRef).map((reference) => ({
      ...reference,
      isTyped: source.type !== undefined,
    })),
  );
}

function referencesOfPolicy(path: Path, spec: AlertPolicy['spec'] | undefined): readonly Reference[] {
  if (spec === undefined) return [];
  return [
    ...spec.conditions.flatMap(({ conditionRef }, index) =>
      referenceOf([...path, 'spec', 'conditions', index, 'conditionRef'], 'AlertCondition', conditionRef),
    ),
    ...spec.notificationTargets.flatMap(({ targetRef }, index) =>
      referenceOf([...path, 'spec', 'notificationTargets', index, 'targetRef'], 'AlertNotificationTarget', targetRef),
    ),
  ];
}

function referencesOfObjective({ spec }: ServiceLevelObjective): readonly Reference[] {
  return [
    ...referenceOf(['spec', 'indicatorRef'], 'SLI', spec.indicatorRef),
    ...referencesOfIndicator(['spec', 'indicator'], spec.indicator),
    ...spec.objectives.flatMap(({ indicator, indicatorRef }, index) => [
      ...referenceOf(['spec', 'objectives', index, 'indicatorRef'], 'SLI', indicatorRef),
      ...referencesOfIndicator(['spec', 'objectives', index, 'indicator'], indicator),
    ]),
    ...(spec.alertPolicies ?? []).flatMap((entry, index) => {
      const path = ['spec', 'alertPolicies', index];
      return [...referenceOf([...path, 'alertPolicyRef'], 'AlertPolicy', entry.alertPolicyRef), ...referencesOfPolicy(path, entry.spec)];
    }),
  ];
}

function referencesOf(document: CatalogDocument): readonly Reference[] {
  if (document.kind === 'SLO') return referencesOfObjective(document);
  if (document.kind === 'SLI') return referencesOfIndicator([], document);
  return document.kind === 'AlertPolicy' ? referencesOfPolicy([], document.spec) : [];
}

function brokenReference({ path, kind, to }: Reference, names: readonly string[]): Complaint {
  const meant = nearest(to, names);
  const known = names.slice(0, 10).join(', ');
  const others = known === '' ? `Add a document of kind ${kind} with that name, or write it inline.` : `Add a ${kind} of that name, or write one of: ${known}.`;
  return { path, message: `there is no ${kind} named "${to}"`, fix: meant === undefined ? others : `Did you mean "${meant}"?` };
}

/** References that figures from elsewhere need: a source that says its type does not need its DataSource beside it. */
export function checkReferencesInFile(documents: readonly ReadDocument[]): readonly CatalogProblem[] {
  return checkOpenSloReferences(documents, ({ kind, isTyped }) => kind !== 'DataSource' || !isTyped);
}

/** References to OpenSLO documents that do not exist. Names of documents that break their schema count as existing. */
export function checkOpenSloReferences(
  documents: readonly ReadDocument[],
  isWanted: (reference: Reference) => boolean = () => true,
): readonly CatalogProblem[] {
  const names = Map.groupBy(documents, ({ kind }) => kind);
  return documents.flatMap(({ value, locate }) => {
    if (value === undefined) return [];
    return referencesOf(value).flatMap((reference) => {
      const known = (names.get(reference.kind) ?? []).flatMap(({ name }) => name ?? []);
      return known.includes(reference.to) || !isWanted(reference) ? [] : [locate(brokenReference(reference, known))];
    });
  });
}

const isIncomplete = ({ op, value }: Objective): boolean => op === undefined || value === undefined;

/** Thresholds behind a reference: what the schema cannot see. */
function thresholdComplaints(slo: ServiceLevelObjective): readonly Complaint[] {
  const { spec } = slo;
  const shared = spec.indicator?.spec.thresholdMetric !== undefined && (spec.objectives.length > 1 || spec.objectives.some(isIncomplete));
  const own = spec.objectives.flatMap((objective, index) =>
    objective.indicator?.spec.thresholdMetric !== undefined && isIncomplete(objective)
      ? [{ path: ['spec', 'objectives', index], ...rules.memberThreshold }]
      : [],
  );
  return [...(shared ? [{ path: ['spec', 'objectives'], ...rules.threshold }] : []), ...own];
}

type NamedPolicy = NonNullable<NonNullable<ServiceLevelObjective['spec']['alertPolicies']>[number]>;
type Condition = NonNullable<NonNullable<AlertPolicy['spec']['conditions'][number]['spec']>>['condition'];

/** The share of everything, in percent, that has to fail for a burn rate; through 12 digits, because 1 - 0.999 is not exactly 0.001. */
function percentNeeded(threshold: number, objective: Objective): number {
  return Number((threshold * (1 - targetRatio(objective)) * 100).toPrecision(12));
}

/** A burn rate that not even a total outage reaches: nothing burns faster than everything failing. */
function isUnreachable({ op, threshold }: Condition, objective: Objective): boolean {
  const needed = percentNeeded(threshold, objective);
  return (op === 'gt' && needed >= 100) || (op === 'gte' && needed > 100);
}

function unreachableComplaints(condition: Condition, path: Path, { objectives }: ServiceLevelObjective['spec']): readonly Complaint[] {
  const objective = objectives.find((one) => isUnreachable(condition, one));
  if (objective === undefined) return [];
  const { op, threshold } = condition;
  const allowed = percentNeeded(1, objective);
  const highest = Number((100 / allowed).toPrecision(4));
  return [
    {
      path,
      message: `its condition can never fire: ${op === 'gt' ? 'more than ' : ''}${threshold} × ${allowed} % = ${percentNeeded(threshold, objective)} % of everything would have to fail`,
      fix: `Choose a threshold below ${highest}, which a total outage burns at, or a stricter target.`,
    },
  ];
}

/** Seconds of the longest slices of an objective; of Occurrences, the minute that is rolled up. */
function longestSlice({ budgetingMethod, objectives }: ServiceLevelObjective['spec']): number {
  if (budgetingMethod === 'Occurrences') return 60;
  return Math.max(60, ...objectives.map(({ timeSliceWindow }) => timeSliceSeconds(timeSliceWindow ?? 1) ?? 60));
}

/** What is looked at again for every slice that a condition must hold for. */
const MAX_ALERT_AFTER_SECONDS = 86_400;

/** Times of a condition that cannot be measured. */
function spanComplaints({ lookbackWindow, alertAfter }: Condition, path: Path, spec: ServiceLevelObjective['spec']): readonly Complaint[] {
  const lookBack = durationSeconds(lookbackWindow) ?? 0;
  const [timeWindow] = spec.timeWindow;
  const whole = durationSeconds(timeWindow?.duration ?? '') ?? 0;
  const slice = longestSlice(spec);
  const tooLong = {
    path,
    message: `its lookbackWindow of ${lookbackWindow} is longer than the ${timeWindow?.duration} of the objective`,
    fix: 'Choose a shorter one, for example 1h or 6h.',
  };
  const tooShort = {
    path,
    message: `its lookbackWindow of ${lookbackWindow} is shorter than a slice, which has ${slice} s`,
    fix: 'Choose one of several slices, or shorter slices (timeSliceWindow).',
  };
  const tooLate = { path, message: `its alertAfter of ${alertAfter} is more than a day`, fix: 'Choose at most 1d; a longer lookbackWindow says as much.' };
  return [
    ...(lookBack > whole ? [tooLong] : []),
    ...(lookBack < slice ? [tooShort] : []),
    ...(delaySeconds(alertAfter) > MAX_ALERT_AFTER_SECONDS ? [tooLate] : []),
  ];
}

/** Alert conditions that can never fire, or that nothing can be said of. */
function alertComplaints({ spec }: ServiceLevelObjective): readonly Complaint[] {
  return (spec.alertPolicies ?? []).flatMap((policy, index): readonly Complaint[] => {
    const condition = policy.spec?.conditions[0]?.spec?.condition;
    const path = ['spec', 'alertPolicies', index];
    return condition === undefined
      ? []
      : [...unreachableComplaints(condition, path, spec), ...spanComplaints(condition, path, spec), ...sameNames(spec, policy, path)];
  });
}

/** Two policies of one name: what one says would end the alert of the other. */
function sameNames({ alertPolicies }: ServiceLevelObjective['spec'], policy: NamedPolicy, path: Path): readonly Complaint[] {
  const name = policy.metadata?.name;
  const isFirst = (alertPolicies ?? []).find(({ metadata }) => metadata?.name === name) === policy;
  if (name === undefined || isFirst) return [];
  return [{ path, message: `there is another alert policy "${name}" in this objective`, fix: 'Give each policy a name of its own, or leave one out.' }];
}

/** Objectives whose parts do not fit together once references are filled in. */
export function checkResolvedObjectives(documents: readonly ReadDocument[]): readonly CatalogProblem[] {
  const resolved = new Map(resolveObjectives(documents.flatMap(({ value }) => value ?? [])).map((slo) => [slo.metadata.name, slo]));
  return documents.flatMap(({ value, locate }) => {
    const slo = value?.kind === 'SLO' ? resolved.get(value.metadata.name) : undefined;
    return slo === undefined ? [] : [...thresholdComplaints(slo), ...alertComplaints(slo)].map(locate);
  });
}

/** A default that would take the name of an objective somebody has written, or of another default. */
export function checkDefaultObjectives(documents: readonly ReadDocument[]): readonly CatalogProblem[] {
  const taken = new Set(documents.flatMap(({ kind, name }) => (kind === 'SLO' ? (name ?? []) : [])));
  return documents.flatMap(({ value, locate }) => {
    if (value?.kind !== 'System' || value.spec.availability === undefined) return [];
    const name = availabilityName(value.metadata.name);
    if (!taken.has(name)) {
      taken.add(name);
      return [];
    }
    return [
      locate({
        path: ['spec', 'availability'],
        message: `stands for an objective named "${name}", and there is one of that name already`,
        fix: 'Remove "availability" and keep the SLO document, or rename the SLO document.',
      }),
    ];
  });
}

/** What a catalog cannot use of a source: other systems than CloudWatch, and forms that are none of it. */
function sourceComplaints(path: Path, source: MetricSource, type: string | undefined): readonly Complaint[] {
  if (type === undefined) return [];
  const schema = schemaOfSource(type, source.spec);
  if (schema === undefined) {
    const meant = nearest(type, sourceTypes);
    const key = source.type === undefined ? 'metricSourceRef' : 'type';
    return [
      {
        path: [...path, key],
        message: `Perennial reads ${sourceTypes.join(' and ')}, not ${type}`,
        fix: meant === undefined ? rules.sourceType.fix : `Did you mean "${meant}"?`,
      },
    ];
  }
  const parsed = schema.safeParse(source.spec);
  if (parsed.success) return [];
  return parsed.error.issues
    .flatMap((issue) => explainIssue(issue, source.spec, schema))
    .map((complaint) => ({ ...complaint, path: [...path, 'spec', ...complaint.path] }));
}

function schemaOfSource(type: string, spec: Readonly<Record<string, unknown>>) {
  if (type === 'CloudWatch') return cloudWatchMetricSchema;
  if (type !== 'Perennial') return undefined;
  const wanted = spec['indicator'];
  // The form that is meant, so that a mistake in it is named; the choice of forms when none is.
  const known = Object.entries(perennialIndicatorSchemas).find(([name]) => name === wanted);
  return known === undefined ? perennialIndicatorSchema : known[1];
}

interface PlacedIndicator {
  readonly path: Path;
  readonly indicator: Pick<Indicator, 'spec'>;
}

function indicatorsIn(document: CatalogDocument): readonly PlacedIndicator[] {
  if (document.kind === 'SLI') return [{ path: [], indicator: document }];
  if (document.kind !== 'SLO') return [];
  const { indicator, objectives } = document.spec;
  const own = objectives.flatMap((objective, index) =>
    objective.indicator === undefined ? [] : [{ path: ['spec', 'objectives', index, 'indicator'], indicator: objective.indicator }],
  );
  return [...(indicator === undefined ? [] : [{ path: ['spec', 'indicator'], indicator }]), ...own];
}

const DAY_SECONDS = 86_400;

function windowComplaints(document: CatalogDocument): readonly Complaint[] {
  if (document.kind !== 'SLO') return [];
  const [window] = document.spec.timeWindow;
  const seconds = durationSeconds(window?.duration ?? '') ?? 0;
  // A year cannot be kept to the minute; less than a day would be decided by a single bad minute.
  if (window?.isRolling === true) return seconds < DAY_SECONDS ? [{ path: ['spec', 'timeWindow', 0, 'duration'], ...rules.rollingWindow }] : [];
  return seconds < DAY_SECONDS || seconds > 90 * DAY_SECONDS ? [{ path: ['spec', 'timeWindow', 0, 'duration'], ...rules.calendarWindow }] : [];
}

function placeComplaints({ path, indicator }: PlacedIndicator, { sources }: Library): readonly Complaint[] {
  return sourcesOf(indicator).flatMap(({ path: inner, source }) => {
    const named = source.metricSourceRef === undefined ? undefined : sources.get(source.metricSourceRef)?.spec.type;
    const place = [...path, ...inner];
    const isRaw = inner.at(-2) === 'raw';
    const type = source.type ?? named;
    if (type === 'Perennial' && !isRaw) return [{ path: place, ...rules.perennialRaw }];
    return sourceComplaints(place, source, type);
  });
}

/** What the language allows and a catalog cannot keep: sources that Perennial cannot read, and windows it keeps no history for. */
export function checkObjectiveLimits(documents: readonly ReadDocument[]): readonly CatalogProblem[] {
  const library = libraryOf(documents.flatMap(({ value }) => value ?? []));
  return documents.flatMap(({ value, locate }) => {
    if (value === undefined) return [];
    return [...windowComplaints(value), ...indicatorsIn(value).flatMap((placed) => placeComplaints(placed, library))].map(locate);
  });
}
