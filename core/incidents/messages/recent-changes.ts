import type { System } from '../../catalog/schema.ts';
import { listDeployments } from '../../deployments/deployments.ts';
import type { Deployment } from '../../deployments/record.ts';
import { versionText } from '../../deployments/sentence.ts';
import type { Scope } from '../../environment/ports.ts';
import { addSeconds, secondsBetween, type Timestamp } from '../../environment/time.ts';
import { type SystemRecord, systemRecordType } from '../../inventory/records.ts';
import { keys } from '../../records/keys.ts';
import { readRecord } from '../../records/record-type.ts';
import type { RecordStore } from '../../records/store.ts';
import type { Remediation } from '../../remediation/record.ts';
import { durationText, plain } from './message-text.ts';
import type { Incident } from '../record.ts';

/** Something that changed shortly before an incident. */
export interface RecentChange {
  readonly at: Timestamp;
  readonly kind: 'deploy' | 'replacement' | 'configuration';
  readonly system: string;
  /** False: of the system of the incident itself. */
  readonly isOfLinked: boolean;
  /** How long before the incident began. */
  readonly secondsBefore: number;
  /** One masked line, without the name of the system. */
  readonly text: string;
}

/** What is asked for changes; each part bounded by who read it. */
export interface ChangeSources {
  readonly deployments: readonly Deployment[];
  readonly remediations: readonly Remediation[];
  readonly systems: readonly Pick<SystemRecord, 'name' | 'changes'>[];
}

/** Most trouble of a change shows within a day; what is older is in the inventory. */
const LOOK_BACK_SECONDS = 86_400;
const MAX_CHANGES = 5;
const MAX_TEXT_CHARACTERS = 200;

const verbs = { started: 'started', finished: 'finished', failed: 'failed', stopped: 'was stopped', 'rolled-back': 'was rolled back' } as const;

/**
 * What changed in the 24 h before an incident, in its system and in those it links to: newest first, at most 5 (S3-26). Pure.
 *
 * @param linked names of the systems that the incident's system needs
 */
export function recentChanges(
  incident: Pick<Incident, 'system' | 'openedAt' | 'id'>,
  linked: readonly string[],
  sources: ChangeSources,
): readonly RecentChange[] {
  const { system, openedAt } = incident;
  if (system === undefined) return [];
  const from = addSeconds(openedAt, -LOOK_BACK_SECONDS);
  const named = new Set([system, ...linked]);
  const replacements = sources.remediations.filter((remediation) => remediation.incidentId !== incident.id).flatMap(replacementChange);
  const replaced = new Set(replacements.flatMap(({ ids }) => ids));
  return [
    ...sources.deployments.map((deployment) => deployChange(deployment, openedAt)),
    ...replacements.map(({ change }) => change),
    ...sources.systems.flatMap((record) => configurationChanges(record, replaced)),
  ]
    .filter((change) => named.has(change.system) && change.at >= from && change.at <= openedAt)
    .toSorted((left, right) => compare(right.at, left.at) || compare(left.system, right.system) || compare(left.text, right.text))
    .slice(0, MAX_CHANGES)
    .map((change) => ({
      ...change,
      isOfLinked: change.system !== system,
      secondsBefore: secondsBetween(change.at, openedAt),
      text: plain(change.text, MAX_TEXT_CHARACTERS),
    }));
}

type Found = Pick<RecentChange, 'at' | 'kind' | 'system' | 'text'>;

const compare = (left: string, right: string): number => (left === right ? 0 : left < right ? -1 : 1);

/** One that was under way when the incident began counts by its start. */
function deployChange(deployment: Deployment, openedAt: Timestamp): Found {
  const { system, startedAt, changedAt, state, findings, databaseChange } = deployment;
  const isUnderWay = changedAt > openedAt;
  const database = databaseChange ? ', with a database change' : '';
  const finding = findings.length === 0 ? '' : `, ${findings.length === 1 ? '1 finding' : `${findings.length} findings`}`;
  return {
    at: isUnderWay ? startedAt : changedAt,
    kind: 'deploy',
    system,
    text: `deploy of ${versionText(deployment)} ${isUnderWay ? verbs.started : verbs[state]}${database}${finding}`,
  };
}

/** A replacement in service is a change as well: other hardware, perhaps another image. */
function replacementChange(remediation: Remediation): readonly { readonly change: Found; readonly ids: readonly string[] }[] {
  const { state, isDrill, system, oldInstanceId, newInstanceId, imageId, timing } = remediation;
  const at = timing.inServiceAt ?? timing.endedAt;
  if (state !== 'succeeded' || isDrill || newInstanceId === undefined || at === undefined) return [];
  const image = imageId === undefined ? '' : ` on ${imageId}`;
  const change = { at, kind: 'replacement', system, text: `${newInstanceId} replaced ${oldInstanceId}${image}` } as const;
  return [{ change, ids: [oldInstanceId, newInstanceId, imageId ?? ''] }];
}

/** `Instances: i-1, i-2; images: ami-1`, as the sweep writes a system's change. */
const MEMBERSHIP = /^Instances: (?<instances>.*); images: (?<images>.*)$/s;

interface Membership {
  readonly instances: readonly string[];
  readonly images: readonly string[];
}

const listOf = (text = ''): readonly string[] => (text === 'none' ? [] : text.split(', '));

function membershipOf(what: string): Membership | undefined {
  const groups = MEMBERSHIP.exec(what)?.groups;
  if (groups === undefined) return undefined;
  return { instances: listOf(groups['instances']), images: listOf(groups['images']) };
}

/** What the record of a system says, entry by entry; `replaced` are instances whose coming or going is told as a replacement. */
function configurationChanges({ name, changes }: ChangeSources['systems'][number], replaced: ReadonlySet<string>): readonly Found[] {
  return changes.flatMap(({ at, what }, index) => {
    const before = membershipOf(changes[index - 1]?.what ?? '');
    const after = membershipOf(what);
    const text = before === undefined || after === undefined ? what : membershipText(before, after, replaced);
    return text === undefined ? [] : [{ at, kind: 'configuration' as const, system: name, text }];
  });
}

/** `undefined`: nothing but what is told otherwise. */
function membershipText(before: Membership, after: Membership, replaced: ReadonlySet<string>): string | undefined {
  const isSameInstances = before.instances.join() === after.instances.join();
  const instances = differenceText('instances', before.instances, after.instances, replaced);
  // The images of what was replaced came and went with it.
  const images = isSameInstances || instances !== '' ? differenceText('images', before.images, after.images, replaced) : '';
  const told = [instances, images].filter((text) => text !== '');
  if (told.length > 0) return told.join('; ');
  // The same members written anew: the catalog had changed.
  return isSameInstances && before.images.join() === after.images.join() ? 'a new version of the catalog came into force' : undefined;
}

function differenceText(noun: string, before: readonly string[], after: readonly string[], replaced: ReadonlySet<string>): string {
  const added = after.filter((id) => !before.includes(id) && !replaced.has(id));
  const removed = before.filter((id) => !after.includes(id) && !replaced.has(id));
  const parts = [...(added.length === 0 ? [] : [`new ${added.join(', ')}`]), ...(removed.length === 0 ? [] : [`gone ${removed.join(', ')}`])];
  return parts.length === 0 ? '' : `${noun}: ${parts.join('; ')}`;
}

/** `12 min before: deploy of version 5.2.1 (commit a1b2c3d) finished`. */
export function changeText({ secondsBefore, system, isOfLinked, text }: RecentChange): string {
  return `${secondsBefore < 1 ? 'at the same moment' : `${durationText(secondsBefore)} before`}: ${isOfLinked ? `${system} (needed by this system): ` : ''}${text}`;
}

/** What a system needs is looked at too, so far. */
const MAX_LINKED = 4;

/** The linked systems that are looked at: each once, at most 4, in the order of the catalog. */
export function linkedSystems(system: System | undefined): readonly string[] {
  return [...new Set(system?.spec.links.map(({ to }) => to) ?? [])].filter((name) => name !== system?.metadata.name).slice(0, MAX_LINKED);
}

/**
 * Reads what changed before an incident: one item a system, and one page of deploy events for each system it needs; at most 5 systems.
 *
 * @param known what whoever asks has read already: the deployments of the system itself, and the newest remediations
 */
export async function readRecentChanges(
  { store, scope }: { readonly store: RecordStore; readonly scope: Scope },
  incident: Incident,
  system: System | undefined,
  known: Pick<ChangeSources, 'deployments' | 'remediations'>,
): Promise<readonly RecentChange[]> {
  if (incident.system === undefined) return [];
  const linked = linkedSystems(system);
  const [deployments, systems] = await Promise.all([
    Promise.all(linked.map((name) => listDeployments(store, scope, name))),
    Promise.all([incident.system, ...linked].map((name) => readRecord(store, systemRecordType, keys.system(scope, name)))),
  ]);
  return recentChanges(incident, linked, {
    deployments: [...known.deployments, ...deployments.flat()],
    remediations: known.remediations,
    systems: systems.flatMap((found) => found?.body ?? []),
  });
}
