import { etaSeconds } from '../../incidents/messages/eta.ts';
import type { Remediation } from '../record.ts';

/** Recovery as a number (S0-19): what the repairs of one system took. Drills do not count. */
export interface RecoveryTimes {
  readonly system: string;
  /** Repairs that came into service. */
  readonly runs: number;
  /** Repairs that failed. */
  readonly failed: number;
  /** Mean time to recovery, in seconds, detected to in service; `null` without runs. */
  readonly meanSeconds: number | null;
  /** Nearest rank, so that each is a time that was really measured. */
  readonly p50Seconds: number | null;
  readonly p95Seconds: number | null;
  readonly rtoSeconds: number;
  /** Share of runs within the RTO, 0 to 1; `null` without runs. */
  readonly rtoMetRatio: number | null;
}

/** One row a system, sorted by name; the RTO is that of the newest repair. `remediations` are newest first. */
export function recoveryTimes(remediations: readonly Remediation[]): readonly RecoveryTimes[] {
  const real = remediations.filter(({ isDrill, state }) => !isDrill && (state === 'succeeded' || state === 'failed'));
  const systems = [...new Set(real.map(({ system }) => system))].toSorted((left, right) => (left < right ? -1 : 1));
  return systems.map((system) =>
    timesOf(
      system,
      real.filter((remediation) => remediation.system === system),
    ),
  );
}

function timesOf(system: string, remediations: readonly Remediation[]): RecoveryTimes {
  const recovered = remediations.filter(({ state, recoverySeconds }) => state === 'succeeded' && recoverySeconds !== undefined);
  const seconds = recovered.flatMap(({ recoverySeconds }) => recoverySeconds ?? []);
  const eta = etaSeconds(seconds);
  const runs = seconds.length;
  return {
    system,
    runs,
    failed: remediations.filter(({ state }) => state === 'failed').length,
    meanSeconds: runs === 0 ? null : Math.round(seconds.reduce((sum, value) => sum + value, 0) / runs),
    p50Seconds: eta?.p50Seconds ?? null,
    p95Seconds: eta?.p95Seconds ?? null,
    rtoSeconds: remediations[0]?.rtoSeconds ?? 0,
    rtoMetRatio: runs === 0 ? null : recovered.filter(({ isRtoMet }) => isRtoMet === true).length / runs,
  };
}
