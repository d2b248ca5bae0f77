import { currentCatalog } from '../../core/catalog/published.ts';
import { readDigest } from '../../core/incidents/learning/digest.ts';
import { composeDigest, type DigestRole } from '../../core/incidents/learning/digest-text.ts';
import { listRemediations } from '../../core/remediation/hindsight/history.ts';
import { type RecoveryTimes, recoveryTimes } from '../../core/remediation/hindsight/recovery-times.ts';
import { type Answer, ok, spoken, table } from '../output.ts';
import type { DigestAnswer, RecoveryAnswer } from '../schemas.ts';
import { headerOf, type Target } from '../target.ts';

const header = ['system', 'recovered', 'failed', 'mean', 'median', '95 % within', 'RTO', 'RTO met'] as const;

const secondsOf = (seconds: number | null): string => (seconds === null ? '-' : spoken(seconds));

function rowOf({ system, runs, failed, meanSeconds, p50Seconds, p95Seconds, rtoSeconds, rtoMetRatio }: RecoveryTimes): readonly string[] {
  const met = rtoMetRatio === null ? '-' : `${Math.round(rtoMetRatio * 100)} %`;
  return [system, String(runs), String(failed), secondsOf(meanSeconds), secondsOf(p50Seconds), secondsOf(p95Seconds), spoken(rtoSeconds), met];
}

/** `perennial recovery [system]`: how long repairs took, as numbers (S0-19). */
export async function recovery(target: Target, system: string | undefined): Promise<Answer> {
  const rows = recoveryTimes(await listRemediations(target.records, target.scope)).filter((row) => system === undefined || row.system === system);
  const json: RecoveryAnswer = rows.map((row) => ({
    id: row.system,
    state: row.rtoMetRatio === null ? 'unknown' : row.rtoMetRatio === 1 ? 'within-rto' : 'missed-rto',
    startedAt: null,
    reason: `${row.runs} recovered, ${row.failed} failed`,
    ...row,
  }));
  return ok(json, `${headerOf(target)}\n${table(header, rows.map(rowOf), 'No repair has been measured yet. A drill does not count.')}`);
}

/** `perennial digest`: the newest weekly digest, as it is mailed to a role. */
export async function digest(target: Target, role: DigestRole): Promise<Answer> {
  const found = await readDigest({
    store: target.records,
    scope: target.scope,
    clock: target.clock,
    catalog: () => currentCatalog(target.records, target.scope),
  });
  const json: DigestAnswer = { role, ...found };
  return ok(json, `${headerOf(target)}\n${composeDigest(found, target.scope, role).text}`);
}
