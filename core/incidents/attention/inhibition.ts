import type { System } from '../../catalog/schema.ts';
import { isOver, type Incident } from '../record.ts';
import type { Severity } from '../../signals/signal.ts';

/** What inhibition asks of the catalog. */
export type LinkedSystem = Pick<System, 'metadata'> & { readonly spec: Pick<System['spec'], 'links'> };

const loudness = { info: 0, warning: 1, high: 2, critical: 3 } as const satisfies Record<Severity, number>;

/** `stable`: its signals are calm, so it explains nobody's trouble any more. */
function isFailing(incident: Incident): boolean {
  return !isOver(incident) && incident.state !== 'stable';
}

/** Only what pages people explains why others page; and nothing explains what is louder than itself. */
function isLoudEnough(parent: Incident, child: Incident): boolean {
  return loudness[parent.severity] >= loudness.high && loudness[parent.severity] >= loudness[child.severity];
}

function isOlder(left: Incident, right: Incident): boolean {
  return left.openedAt === right.openedAt ? left.id < right.id : left.openedAt < right.openedAt;
}

/**
 * The open incident of a system that this one needs, and that explains its trouble; `undefined` without any. Pure.
 *
 * Only direct links are asked: whoever is silent because of its own parent still has an open incident, so that a chain follows by
 * itself. Systems that need each other in a circle explain only what is younger: the oldest of them is always heard.
 */
export function inhibitorOf(child: Incident, open: readonly Incident[], systems: readonly LinkedSystem[]): Incident | undefined {
  const name = child.system;
  if (name === undefined) return undefined;
  const needed = linksOf(name, systems);
  if (needed.length === 0) return undefined;
  return open
    .filter(
      (parent) =>
        parent.id !== child.id &&
        parent.system !== undefined &&
        parent.system !== name &&
        needed.includes(parent.system) &&
        isFailing(parent) &&
        isLoudEnough(parent, child) &&
        (isOlder(parent, child) || !needs(parent.system, name, systems)),
    )
    .toSorted((left, right) => (isOlder(left, right) ? -1 : 1))[0];
}

function linksOf(name: string, systems: readonly LinkedSystem[]): readonly string[] {
  return systems.find(({ metadata }) => metadata.name === name)?.spec.links.map(({ to }) => to) ?? [];
}

/** Whether `from` needs `to`, over any number of links; each system is asked once. */
function needs(from: string, to: string, systems: readonly LinkedSystem[]): boolean {
  const links = new Map(systems.map(({ metadata, spec }) => [metadata.name, spec.links]));
  const seen = new Set([from]);
  // A set gives what is added while it is walked.
  for (const name of seen) {
    if (name === to) return true;
    for (const link of links.get(name) ?? []) seen.add(link.to);
  }
  return false;
}

/** Whether anything could inhibit the trouble of this system: without links nobody else's incidents need to be read. */
export function hasLinks(system: string | undefined, systems: readonly LinkedSystem[]): boolean {
  return system !== undefined && linksOf(system, systems).length > 0;
}
