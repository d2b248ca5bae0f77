import { secondsBetween, type Timestamp } from '../../environment/time.ts';
import { tagKeys } from '../../inventory/records.ts';
import { keptRootCall } from '../paths/kept-root.ts';
import { launchesOf } from '../paths/launch-calls.ts';
import { ORPHAN_AGE_SECONDS } from './reap-orphans.ts';
import { deleteDecided, type LooseDecision, momentOf, readable, type ReapingPorts, readNamed, reportOnce, unlessFrozen } from './reaping.ts';
import type { LooseInterface, LooseVolume } from './reaping-ports.ts';
import type { Remediation } from '../record.ts';

/** What is decided about a volume or an interface that nobody has attached. */
export type LeftoverDecision = LooseDecision;

const NOT_DELETED = 'Something that was left behind could not be deleted';

/** The launch that may have made it: tag and record must agree, and it must be over for an hour. */
function launchOf(id: string, tags: Readonly<Record<string, string>>, remediation: Remediation | undefined, now: Timestamp): LeftoverDecision | Remediation {
  if (tags[tagKeys.hold] !== undefined) return { kind: 'keep', id, reason: `It is on hold (${tags[tagKeys.hold]})` };
  if (remediation === undefined) return { kind: 'report', id, reason: 'Its tag names a remediation of which there is no record' };
  if (remediation.state === 'running') return { kind: 'keep', id, reason: `${remediation.id} is still running` };
  const { incidentId, timing } = remediation;
  if (launchesOf(remediation).length === 0)
    return { kind: 'report', id, incidentId, reason: `It carries the tag of ${remediation.id}, which launched nothing` };
  const seconds = secondsBetween(timing.endedAt ?? timing.decidedAt, now);
  return seconds < ORPHAN_AGE_SECONDS ? { kind: 'keep', id, reason: `${remediation.id} ended less than an hour ago` } : remediation;
}

/** Pure. An interface holds nothing but its addresses. */
export function decideInterface(loose: LooseInterface, remediation: Remediation | undefined, now: Timestamp): LeftoverDecision {
  const id = loose.networkInterfaceId;
  const launch = launchOf(id, loose.tags, remediation, now);
  if ('kind' in launch) return launch;
  if (loose.isManagedByAws) return { kind: 'report', id, incidentId: launch.incidentId, reason: 'An AWS service manages it' };
  const { incidentId, system } = launch;
  return { kind: 'delete', id, system, incidentId, reason: `${launch.id} launched it, ended ${launch.state}, and nobody has it attached` };
}

/**
 * Only the root of a replacement that never came into service, made from the image that was
 * launched, and made by that launch.
 */
function decideLaunchedVolume(volume: LooseVolume, remediation: Remediation | undefined, rootSnapshotId: string | undefined, now: Timestamp): LeftoverDecision {
  const id = volume.volumeId;
  const launch = launchOf(id, volume.tags, remediation, now);
  if ('kind' in launch) return launch;
  const report = (reason: string): LeftoverDecision => ({ kind: 'report', id, incidentId: launch.incidentId, reason });
  if (secondsBetween(volume.createdAt, now) < ORPHAN_AGE_SECONDS) return { kind: 'keep', id, reason: 'It was made less than an hour ago' };
  if (launch.state === 'succeeded') return report(`${launch.id} put its replacement into service: what is on this volume may be needed`);
  if (rootSnapshotId === undefined || volume.snapshotId !== rootSnapshotId)
    return report('It is not known to be a root volume of the image that was launched: a data volume is never deleted');
  if (launchesOf(launch).every(({ intentAt }) => volume.createdAt < intentAt)) return report(`It is older than the launch of ${launch.id}`);
  return {
    kind: 'delete',
    id,
    system: launch.system,
    incidentId: launch.incidentId,
    reason: `It is the root of a replacement that ${launch.id} launched and that never came into service`,
  };
}

/** The root that a swap replaced: evidence until the moment that its tag says. The record names this very volume, which its instance began from. */
function decideKeptRoot(
  id: string,
  tags: Readonly<Record<string, string>>,
  { id: remediationId, system, state, incidentId }: Remediation,
  now: Timestamp,
): LeftoverDecision {
  if (tags[tagKeys.hold] !== undefined) return { kind: 'keep', id, reason: `It is on hold (${tags[tagKeys.hold]})` };
  if (state === 'running') return { kind: 'keep', id, reason: `${remediationId} is still running` };
  const until = momentOf(tags[tagKeys.quarantineUntil]);
  if (until === undefined)
    return { kind: 'report', id, incidentId, reason: `${remediationId} replaced this root, but its tag ${tagKeys.quarantineUntil} is no moment` };
  if (now < until) return { kind: 'keep', id, reason: `Kept as evidence until ${until}` };
  return { kind: 'delete', id, system, incidentId, reason: `It is the root that ${remediationId} replaced, and its quarantine ended at ${until}` };
}

/** Pure. A data volume is never deleted (S0-27): only a root that was replaced, and that of a replacement which never served. */
export function decideVolume(volume: LooseVolume, remediation: Remediation | undefined, rootSnapshotId: string | undefined, now: Timestamp): LeftoverDecision {
  const { volumeId, tags } = volume;
  if (remediation?.calls[keptRootCall(volumeId)] !== undefined) return decideKeptRoot(volumeId, tags, remediation, now);
  return decideLaunchedVolume(volume, remediation, rootSnapshotId, now);
}

/** Ends volumes and interfaces that launches of ours left behind. Says what it will do before it does it; one id a call. */
export async function reapLeftovers(ports: ReapingPorts): Promise<readonly LeftoverDecision[]> {
  const { leftBehind, log } = ports;
  const interfaces: LeftoverDecision[] = [];
  for (const loose of await leftBehind.interfaces()) interfaces.push(await decideInterfaceOf(ports, loose));
  const volumes: LeftoverDecision[] = [];
  for (const volume of await leftBehind.volumes()) volumes.push(await decideVolumeOf(ports, volume));
  const decisions = [...interfaces, ...volumes];
  log.info('The reaper has looked for volumes and interfaces', { decisions });
  for (const decision of decisions) if (decision.kind === 'report') await reportOnce(ports, decision.id, decision.incidentId, decision.reason);
  await deleteDecided(ports, interfaces, (id) => leftBehind.deleteInterface(id), NOT_DELETED);
  await deleteDecided(ports, volumes, (id) => leftBehind.deleteVolume(id), NOT_DELETED);
  return decisions;
}

async function decideInterfaceOf(ports: ReapingPorts, loose: LooseInterface): Promise<LeftoverDecision> {
  return readable(loose.networkInterfaceId, async () => {
    const remediation = await readNamed(ports, loose.tags[tagKeys.remediation]);
    return unlessFrozen(ports, remediation, decideInterface(loose, remediation, ports.clock.now()), keeping(loose.networkInterfaceId));
  });
}

async function decideVolumeOf(ports: ReapingPorts, volume: LooseVolume): Promise<LeftoverDecision> {
  return readable(volume.volumeId, async () => {
    const remediation = await readNamed(ports, volume.tags[tagKeys.remediation]);
    const imageId = remediation?.imageId;
    const rootSnapshotId = imageId === undefined ? undefined : await ports.leftBehind.rootSnapshotOf(imageId);
    return unlessFrozen(ports, remediation, decideVolume(volume, remediation, rootSnapshotId, ports.clock.now()), keeping(volume.volumeId));
  });
}

const keeping =
  (id: string) =>
  (reason: string): LeftoverDecision => ({ kind: 'keep', id, reason });
