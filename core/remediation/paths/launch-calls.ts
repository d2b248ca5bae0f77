import type { Remediation } from '../record.ts';

type Call = Remediation['calls'][string];

/** The calls by which a procedure launches: one for every type that it tried, and the drill's for the copy that it may break. */
export const isLaunch = (name: string): boolean => name === 'launch' || name === 'launch-throwaway' || name.startsWith('launch:');

/** Its answer names an instance, or was never heard; what EC2 refused, or had no capacity for, launched nothing. */
const mayHaveLaunched = ({ outcomeAt, result }: Call): boolean => outcomeAt === undefined || result?.['instanceId'] !== undefined;

/** The launches of a remediation that may have made something. */
export function launchesOf({ calls }: Remediation): readonly Call[] {
  return Object.entries(calls).flatMap(([name, call]) => (isLaunch(name) && mayHaveLaunched(call) ? [call] : []));
}

/** The instances of which the record says that it launched them. */
export function launchedIds(remediation: Remediation): readonly string[] {
  return launchesOf(remediation).flatMap(({ result }) => result?.['instanceId'] ?? []);
}

/** The record's half of the agreement: it meant to launch, and what it launched is this one or was never heard of. */
export function isLaunchedBy(remediation: Remediation, instanceId: string): boolean {
  return launchesOf(remediation).some(({ outcomeAt }) => outcomeAt === undefined) || launchedIds(remediation).includes(instanceId);
}
