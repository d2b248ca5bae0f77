import { secondsBetween } from '../../environment/time.ts';
import { keys } from '../../records/keys.ts';
import { readRecord, updateRecord } from '../../records/record-type.ts';
import { type Capture, captureType } from '../surroundings/capture.ts';
import type { ObservePhase, ObservePorts, PhaseContext } from '../phase.ts';
import { allPhasesOf, failureModeOf, phasesAfter, type Traits, traitsOf } from '../paths/procedure.ts';
import { partsOf } from '../preflight/reachability.ts';
import { type Remediation, remediationType } from '../record.ts';

/** The record of the remediation that this one takes back; `undefined` when it takes back none, or that record is gone. */
export async function revertedBy({ ports, session }: PhaseContext<ObservePorts>): Promise<Remediation | undefined> {
  const { revertOf } = session.record;
  return revertOf === undefined ? undefined : (await readRecord(ports.store, remediationType, keys.remediation(ports.scope, revertOf)))?.body;
}

/** The capture to restore from: of now when the instance is still there, else the last good one the sweep kept. */
export async function bestCapture({ ports, session, system }: PhaseContext<ObservePorts>): Promise<Capture | undefined> {
  const { oldInstanceId } = session.record;
  const live = await ports.captures.capture(oldInstanceId, system.spec.targetGroups, ports.clock.now(), system.spec.hostedZones);
  const kept = (await readRecord(ports.store, captureType, keys.capture(ports.scope, oldInstanceId)))?.body;
  if (live === undefined) return kept;
  // An instance that is already out of its target groups must still come back into them: the kept capture knows which.
  return live.targets.length === 0 && kept !== undefined ? { ...live, targets: kept.targets } : live;
}

/**
 * The capture that this remediation has stored: under its own id, because the sweep goes on to capture the instance, also when half of
 * what it had has moved. A way back restores what the remediation that it takes back has captured. Remediations of before procedure version 2
 * have it under the instance's id only.
 */
export async function storedCapture({ ports, session }: PhaseContext<ObservePorts>): Promise<Capture> {
  const { id, oldInstanceId, revertOf = id } = session.record;
  const own = await readRecord(ports.store, captureType, keys.capture(ports.scope, revertOf));
  const stored = own ?? (await readRecord(ports.store, captureType, keys.capture(ports.scope, oldInstanceId)));
  if (stored === undefined) throw new Error(`There is no capture of ${oldInstanceId} though its phase has passed`);
  return stored.body;
}

/**
 * What follows once it is known what the instance has: things that are taken off it need it stopped, so it is fenced then, in whatever
 * topology.
 */
function courseFor(record: Remediation, best: Capture): Required<Pick<Remediation, 'parts' | 'isFenced' | 'remaining'>> {
  const path = record.path ?? 'replace';
  const parts = [...partsOf(best)];
  const mustStop = parts.includes('volumes') || parts.includes('interfaces');
  const isFenced = failureModeOf(record) === 'fenced' || (mustStop && allPhasesOf(path, { isFenced: true }).includes('fence'));
  return { parts, isFenced, remaining: [...phasesAfter('capture', path, traitsOf({ ...record, parts, isFenced }))] };
}

/** What is known of the instance with this capture, or without one. */
export function traitsWith(record: Remediation, found: Capture | undefined): Traits {
  return traitsOf(found === undefined ? record : { ...record, ...courseFor(record, found) });
}

/** Writes down everything the replacement must get back, before anything is touched. */
export const capture: ObservePhase = async (context) => {
  const { ports, session } = context;
  const best = await bestCapture(context);
  if (best === undefined)
    return { kind: 'failed', reason: `${session.record.oldInstanceId} is gone and the sweep has kept no capture of it; nothing can be restored` };
  const key = keys.capture(ports.scope, session.record.oldInstanceId);
  await updateRecord(ports.store, captureType, key, () => best);
  await updateRecord(ports.store, captureType, keys.capture(ports.scope, session.record.id), () => best);
  const ageSeconds = Math.max(0, Math.round(secondsBetween(best.capturedAt, ports.clock.now())));
  const age = ageSeconds < 5 ? 'Captured now' : `The instance is gone; the capture is ${ageSeconds} s old`;
  const lost = best.cannotKeep.length === 0 ? '' : `; cannot be kept: ${best.cannotKeep.join(', ')}`;
  return { kind: 'done', reason: `${age}${lost}`, patch: { captureAgeSeconds: ageSeconds, differences: best.cannotKeep, ...courseFor(session.record, best) } };
};
