/* Apart from the schema, because functions need this and not that. */

/** Severities that OpenSLO documents are seen to use (its specification leaves the text open), as ours. */
const severities: ReadonlyMap<string, 'critical' | 'high' | 'warning'> = new Map([
  ['page', 'critical'],
  ['critical', 'critical'],
  ['high', 'high'],
  ['ticket', 'warning'],
  ['warning', 'warning'],
  ['low', 'warning'],
]);

export const knownAlertSeverities: readonly string[] = [...severities.keys()];

/** The severity of an alert condition, whatever its case; `undefined` for a word that is not known. */
export function alertSeverityOf(written: string): 'critical' | 'high' | 'warning' | undefined {
  return severities.get(written.toLowerCase());
}
