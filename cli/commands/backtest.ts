import { readFileSync } from 'node:fs';
import * as z from 'zod/mini';
import { systemClock, systemHasher } from '../../aws/runtime/system.ts';
import { checkDirectory } from '../../catalog-files/read-catalog.ts';
import { matchesGlob } from '../../core/catalog/glob.ts';
import type { CatalogContent, System } from '../../core/catalog/schema.ts';
import type { Scope } from '../../core/environment/ports.ts';
import { addSeconds } from '../../core/environment/time.ts';
import { etaSeconds } from '../../core/incidents/messages/eta.ts';
import { present } from '../../core/environment/present.ts';
import { groupIdOf, slotIdOf } from '../../core/inventory/classify.ts';
import { type InstanceRecord, instanceType, tagKeys } from '../../core/inventory/records.ts';
import { partitions } from '../../core/records/keys.ts';
import { readAll } from '../../core/records/record-type.ts';
import { type Backtest, backtest as replay, type BacktestEpisode, type BacktestInput, type BacktestPlace } from '../../core/remediation/hindsight/backtest.ts';
import { pastRecoverySeconds } from '../../core/remediation/hindsight/history.ts';
import { readSignals } from '../../core/signals/normalise.ts';
import type { Signal } from '../../core/signals/signal.ts';
import { CliError } from '../cli-error.ts';
import { type Answer, moment, ok, spoken, table } from '../output.ts';
import type { BacktestAnswer } from '../schemas.ts';
import { headerOf, type Target } from '../target.ts';
import { jsonOf } from '../json-text.ts';

export interface BacktestOptions {
  readonly events?: string;
  readonly catalog?: string;
  readonly inventory?: string;
  readonly days?: number;
}

const MAX_LINES = 200_000;
const DEFAULT_DAYS = 30;
const DAY_SECONDS = 86_400;

/** What is known of an instance: of the past, the present is the best witness there is. */
type Known = Pick<InstanceRecord, 'instanceId' | 'system' | 'role' | 'slotId' | 'autoScalingGroup'> & { readonly availabilityZone?: string };

interface Sources {
  readonly scope: Scope;
  readonly bodies: readonly unknown[];
  readonly instances: readonly Known[];
  readonly repairSeconds: ReadonlyMap<string, number>;
  readonly header: readonly string[];
}

/** `perennial backtest`: what the policies in git would have done with the alarms of the past. Touches nothing. */
export async function backtest(options: BacktestOptions, target: Target | undefined): Promise<Answer> {
  if (options.events === undefined && target === undefined)
    throw new CliError(
      'What shall be replayed? Name a file of recorded events with --events, or a platform whose alarms to ask: --region <region> or --local.',
    );
  const { catalog } = checkDirectory(options.catalog ?? 'ops');
  if (catalog === undefined)
    throw new CliError(`The catalog ${options.catalog ?? 'ops'} has errors. See them: npm run -s perennial -- catalog check ${options.catalog ?? 'ops'}`);
  const sources = target === undefined ? await fileSources(options) : await platformSources(options, target, catalog);
  const { signals, rejected } = signalsOf(sources);
  const answer = replay(inputOf(catalog, sources, signals));
  const json: BacktestAnswer = { ...answer, notEvaluated: [...answer.notEvaluated], rejected: [...rejected], episodes: answer.episodes.map(itemOf) };
  return ok(json, [...sources.header, render(answer, rejected)].join('\n'));
}

function itemOf({ at, verdict, ...episode }: BacktestEpisode): BacktestAnswer['episodes'][number] {
  return { id: `${at}/${episode.place}/${episode.rule}`, state: verdict, startedAt: at, ...episode };
}

async function fileSources({ events = '', inventory }: BacktestOptions): Promise<Sources> {
  return {
    scope: { accountId: '000000000000', region: 'unknown' },
    bodies: linesOf(events),
    instances: inventory === undefined ? [] : readInventory(inventory),
    repairSeconds: new Map(),
    header: [],
  };
}

async function platformSources(options: BacktestOptions, target: Target, catalog: CatalogContent): Promise<Sources> {
  const { records, scope, clock } = target;
  const to = clock.now();
  const from = addSeconds(to, -(options.days ?? DEFAULT_DAYS) * DAY_SECONDS);
  const stored = await readAll(instanceType, (page) => records.query(partitions.instances(scope), '', page));
  const past = await Promise.all(
    catalog.systems.map(async ({ metadata: { name } }) => [name, etaSeconds(await pastRecoverySeconds(records, scope, name))?.p50Seconds] as const),
  );
  return {
    scope,
    bodies: options.events === undefined ? await target.fleet.alarmHistory({ from, to }) : linesOf(options.events),
    instances: stored.map(({ body }) => body),
    repairSeconds: new Map(past.flatMap(([name, seconds]) => (seconds === undefined ? [] : [[name, seconds] as const]))),
    header: [headerOf(target)],
  };
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new CliError(`${file} cannot be read (${code}). Name a file with one event a line.`, { cause: error });
  }
}

/** One event a line, as EventBridge, SNS or SQS gives it. */
function linesOf(file: string): readonly string[] {
  const lines = textOf(file)
    .split('\n')
    .filter((line) => line.trim() !== '');
  if (lines.length > MAX_LINES) throw new CliError(`${file} has ${lines.length} lines; at most ${MAX_LINES} are replayed. Split it by time.`);
  return lines;
}

const inventorySchema = z.array(
  z.object({
    instanceId: z.string(),
    system: z.nullish(z.string()),
    role: z.nullish(z.string()),
    slotId: z.nullish(z.string()),
    autoScalingGroup: z.nullish(z.string()),
    availabilityZone: z.nullish(z.string()),
  }),
);

function readInventory(file: string): readonly Known[] {
  const parsed = inventorySchema.safeParse(jsonOf(textOf(file)));
  if (!parsed.success) throw new CliError(`${file} is no inventory. Make one with: npm run -s perennial -- inventory list --json --region <region> > ${file}`);
  return parsed.data.map(({ instanceId, ...known }) => ({
    instanceId,
    ...present({
      system: known.system ?? undefined,
      role: known.role ?? undefined,
      slotId: known.slotId ?? undefined,
      autoScalingGroup: known.autoScalingGroup ?? undefined,
      availabilityZone: known.availabilityZone ?? undefined,
    }),
  }));
}

interface ReadEvents {
  readonly signals: readonly Signal[];
  /** What could not be read: which line, and why. */
  readonly rejected: readonly { readonly line: number; readonly reason: string }[];
}

function signalsOf({ bodies, scope }: Sources): ReadEvents {
  const receivedAt = systemClock.now();
  const read = bodies.map((body) => readSignals(body, { hasher: systemHasher, scope, receivedAt }));
  return {
    signals: read.flatMap(({ signals }) => signals),
    rejected: read.flatMap(({ rejected }, index) => rejected.map(({ reason }) => ({ line: index + 1, reason }))),
  };
}

/** Without past repairs: the pending time, then the goal for one replacement. */
const ASSUMED_REPAIR_SECONDS = 300;

function inputOf(catalog: CatalogContent, { scope, instances, repairSeconds }: Sources, signals: readonly Signal[]): BacktestInput {
  const byId = new Map(instances.map((instance) => [instance.instanceId, instance]));
  const placeOf = (signal: Signal): BacktestPlace | undefined => placeIn(catalog, byId.get(signal.subject.id), signal);
  const members = membersByGroup(instances, signals, placeOf);
  return {
    catalog,
    hasher: systemHasher,
    scope,
    signals,
    placeOf,
    membersOf: (groupId) => members.get(groupId)?.size ?? 1,
    repairSecondsOf: (system) => repairSeconds.get(system.metadata.name) ?? assumedSeconds(catalog, system),
  };
}

function assumedSeconds({ policies }: CatalogContent, system: System): number {
  const policy = policies.find(({ spec }) => spec.system === system.metadata.name);
  return (policy?.spec.pendingSeconds ?? 0) + ASSUMED_REPAIR_SECONDS;
}

/** An instance that nobody lists any more belongs to the system whose alarm speaks of it. */
function placeIn(catalog: CatalogContent, known: Known | undefined, signal: Signal): BacktestPlace | undefined {
  if (signal.subject.type !== 'instance') return undefined;
  const system = catalog.systems.find(
    ({ metadata, spec }) => metadata.name === known?.system || (known === undefined && spec.alarms.some((glob) => matchesGlob(glob, signal.rule))),
  );
  if (system === undefined) return undefined;
  const memberId = known?.autoScalingGroup === undefined ? undefined : known.instanceId;
  return { system, role: known?.role ?? system.spec.image.role, slotId: slotOf(known, system.metadata.name, signal.subject.id), ...present({ memberId }) };
}

/** What the inventory says; of a member that it does not place, its group in its zone. */
function slotOf(known: Known | undefined, system: string, instanceId: string): string {
  if (known?.slotId !== undefined) return known.slotId;
  const { autoScalingGroup, availabilityZone = 'none' } = known ?? {};
  if (autoScalingGroup === undefined) return `${system}/${instanceId}`;
  return slotIdOf({ instanceId, availabilityZone, tags: { [tagKeys.autoScalingGroup]: autoScalingGroup } }, system);
}

/** The instances of every group: those of the inventory, and those that only the events name. */
function membersByGroup(
  instances: readonly Known[],
  signals: readonly Signal[],
  placeOf: (signal: Signal) => BacktestPlace | undefined,
): ReadonlyMap<string, ReadonlySet<string>> {
  const members = new Map<string, Set<string>>();
  const add = (groupId: string, slotId: string): void => void members.set(groupId, (members.get(groupId) ?? new Set()).add(slotId));
  for (const { instanceId, system, role, slotId, autoScalingGroup } of instances) {
    // Members of an Auto Scaling group share a slot, and count one by one.
    const name = autoScalingGroup === undefined ? (slotId ?? instanceId) : instanceId;
    if (system !== undefined && role !== undefined) add(groupIdOf(system, role), name);
  }
  for (const signal of signals) {
    const place = placeOf(signal);
    if (place !== undefined) add(groupIdOf(place.system.metadata.name, place.role), place.memberId ?? place.slotId);
  }
  return members;
}

const MAX_ROWS = 200;

function render({ episodes, totals, notEvaluated }: Backtest, rejected: ReadEvents['rejected']): string {
  const rows = episodes.map((episode) => [
    moment(episode.at),
    episode.system ?? '-',
    episode.place,
    episode.verdict,
    episode.path ?? '-',
    episode.isPaged ? 'page' : '-',
    episode.savedSeconds === null ? '-' : spoken(episode.savedSeconds),
    episode.guardrail === null ? episode.reason : `${episode.guardrail}: ${episode.reason}`,
  ]);
  const left = rows.length > MAX_ROWS ? [`… and ${rows.length - MAX_ROWS} more; --json gives all`] : [];
  return [
    table(['at', 'system', 'place', 'verdict', 'path', 'page', 'saved', 'reason'], rows.slice(0, MAX_ROWS), 'No trouble in these events.'),
    ...left,
    '',
    `Would replace ${totals['would-replace']}, vetoed ${totals.vetoed}, over by themselves ${totals['recovered-by-itself']}, under repair already ${totals['under-repair']}, incident only ${totals['incident-only']}, unknown ${totals.unknown}.`,
    `People paged: ${totals.paged}. Recovery minutes saved: ${totals.savedMinutes}.`,
    ...(rejected.length === 0 ? [] : [`Not read: ${rejected.length} (first: line ${rejected[0]?.line}: ${rejected[0]?.reason})`]),
    `Not evaluated: ${notEvaluated.join('; ')}.`,
  ].join('\n');
}
