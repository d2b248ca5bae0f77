import { PermanentError } from '../../environment/errors.ts';
import type { Scope } from '../../environment/ports.ts';
import { keys } from '../../records/keys.ts';
import { readRecord } from '../../records/record-type.ts';
import type { RecordStore } from '../../records/store.ts';
import { type Pause, pauseType } from '../record.ts';

/*
 * The pause switches (design section 7): one for everything and one for each system. Who claims, who repairs and who reaps read them here.
 */

/** The switches of everything and of the system, or why they cannot be read (then it counts as paused). */
export type Switches = { readonly isKnown: true; readonly pauses: readonly Pause[] } | { readonly isKnown: false; readonly why: string };

/** The switches as they are stored, without a system only that of everything; one that nobody has ever turned is missing. Errors: those of the store. */
export async function readPauses(store: RecordStore, scope: Scope, system?: string): Promise<readonly Pause[]> {
  const targets = system === undefined ? ['global'] : ['global', `system#${system}`];
  const found = await Promise.all(targets.map((target) => readRecord(store, pauseType, keys.pause(scope, target))));
  return found.flatMap((pause) => (pause === undefined ? [] : [pause.body]));
}

/** Errors: `RetryableError` of the store. */
export async function readSwitches(store: RecordStore, scope: Scope, system?: string): Promise<Switches> {
  try {
    return { isKnown: true, pauses: await readPauses(store, scope, system) };
  } catch (error) {
    if (!(error instanceof PermanentError)) throw error;
    return { isKnown: false, why: error.message };
  }
}

/** Why it is paused; an unreadable switch counts as paused. */
export function pausedBy(switches: Switches): string | undefined {
  if (!switches.isKnown) return `The pause switches could not be read, which counts as paused: ${switches.why}`;
  const pause = switches.pauses.find(({ isPaused }) => isPaused);
  return pause === undefined ? undefined : `Paused (${pause.target}) by ${pause.by}: ${pause.reason}`;
}

/** The switch that freezes, if one does. */
export function frozenBy(switches: Switches): Pause | undefined {
  return switches.isKnown ? switches.pauses.find((pause) => pause.isPaused && pause.isFrozen === true) : undefined;
}

/** Why nobody may touch anything, not even to tidy up: for those who have no safe point to go to, an unreadable switch counts as frozen. */
export function standstillReason(switches: Switches): string | undefined {
  if (!switches.isKnown) return `The pause switches could not be read, which counts as frozen: ${switches.why}`;
  const stop = frozenBy(switches);
  return stop === undefined ? undefined : `Frozen (${stop.target}) by ${stop.by}: ${stop.reason}`;
}
