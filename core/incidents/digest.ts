import type { Clock, Scope } from '../environment/ports.ts';
import { addSeconds, type Timestamp } from '../environment/time.ts';
import { keys } from '../records/keys.ts';
import { readRecord } from '../records/record-type.ts';
import type { RecordStore } from '../records/store.ts';
import { listRemediations } from '../remediation/history.ts';
import { type RecoveryTimes, recoveryTimes } from '../remediation/recovery-times.ts';
import type { Remediation } from '../remediation/record.ts';
import { judgeWouldHave, type WouldHave } from '../remediation/would-have.ts';
import { perennial } from './commands.ts';
import type { ComposedMessage } from './message-facts.ts';
import { durationText, plain, smsText, subjectText } from './message-text.ts';
import { notify, type NotifyPorts, type NotifyResult } from './notify.ts';
import { incidentType } from './record.ts';

/** What the week was like, as numbers. */
export interface Digest {
  readonly from: Timestamp;
  readonly to: Timestamp;
  readonly recoveries: readonly RecoveryTimes[];
  readonly vetoes: readonly { readonly guardrail: string; readonly count: number }[];
  readonly wouldHave: readonly WouldHave[];
}

const WEEK_SECONDS = 7 * 86_400;
/** Monday 06:00 UTC: before the week's first meeting in Europe, after the weekend everywhere. */
const DIGEST_WEEKDAY = 1;
const DIGEST_HOUR = 6;
const MAX_REMEDIATIONS = 1000;

/** The newest moment at which a digest was due. */
export function digestDueAt(now: Timestamp): Timestamp {
  const midnight = `${now.slice(0, 10)}T00:00:00.000Z`;
  const weekday = new Date(midnight).getUTCDay();
  const due = addSeconds(midnight, -((weekday - DIGEST_WEEKDAY + 7) % 7) * 86_400 + DIGEST_HOUR * 3600);
  return due <= now ? due : addSeconds(due, -WEEK_SECONDS);
}

/** Pure: the week's repairs, newest first, as a digest. */
export function digestOf(remediations: readonly Remediation[], wouldHave: readonly WouldHave[], to: Timestamp): Digest {
  const vetoed = remediations.filter(({ state }) => state === 'vetoed').map(({ failure }) => failure?.guardrail ?? 'unknown');
  const guardrails = [...new Set(vetoed)].map((guardrail) => ({ guardrail, count: vetoed.filter((name) => name === guardrail).length }));
  return {
    from: addSeconds(to, -WEEK_SECONDS),
    to,
    recoveries: recoveryTimes(remediations),
    vetoes: guardrails.toSorted((left, right) => right.count - left.count || (left.guardrail < right.guardrail ? -1 : 1)),
    wouldHave,
  };
}

export interface DigestPorts extends NotifyPorts {
  readonly store: RecordStore;
  readonly scope: Scope;
  readonly clock: Clock;
}

/** The digest of the week that ended last. */
export async function readDigest({ store, scope, clock }: Pick<DigestPorts, 'store' | 'scope' | 'clock'>): Promise<Digest> {
  const now = clock.now();
  const to = digestDueAt(now);
  const from = addSeconds(to, -WEEK_SECONDS);
  const all = await listRemediations(store, scope, MAX_REMEDIATIONS);
  const week = all.filter(({ timing }) => timing.decidedAt >= from && timing.decidedAt < to);
  const past = recoveryTimes(all);
  const judged: WouldHave[] = [];
  for (const remediation of week.filter(({ state }) => state === 'would-have')) {
    const incident = (await readRecord(store, incidentType, keys.incident(scope, remediation.incidentId)))?.body;
    const repairSeconds = past.find(({ system }) => system === remediation.system)?.p50Seconds ?? undefined;
    judged.push(judgeWouldHave(remediation, incident, repairSeconds, now));
  }
  return digestOf(week, judged, to);
}

/**
 * Sends the weekly digest once: the id names the week, so that every later run of the sweep finds it sent. A week in which nothing
 * happened is not worth a mail.
 */
export async function sendDigest(ports: DigestPorts): Promise<readonly NotifyResult[]> {
  const id = `digest:${digestDueAt(ports.clock.now()).slice(0, 10)}`;
  const digest = await readDigest(ports);
  if (digest.recoveries.length === 0 && digest.vetoes.length === 0 && digest.wouldHave.length === 0) return [];
  return [await notify(ports, { id, step: 'digest', severity: 'info', message: composeDigest(digest, ports.scope) })];
}

const wouldHaveTitles = { right: 'would have been right', needless: 'would have been needless', open: 'cannot be judged yet' } as const;

function wouldHaveLines(wouldHave: readonly WouldHave[]): readonly string[] {
  const saved = wouldHave.reduce((sum, { savedSeconds }) => sum + savedSeconds, 0);
  return wouldHave.length === 0
    ? []
    : [
        '',
        `Dry runs: ${wouldHave.length} repairs would have been made; together they would have saved ${durationText(saved)}.`,
        ...wouldHave.map(({ system, remediationId, verdict, reason }) => `  ${system} ${remediationId}: ${wouldHaveTitles[verdict]}. ${plain(reason)}.`),
      ];
}

function recoveryLine({ system, runs, failed, p50Seconds, p95Seconds, rtoSeconds, rtoMetRatio }: RecoveryTimes): string {
  const times = p50Seconds === null || p95Seconds === null ? 'none recovered' : `median ${durationText(p50Seconds)}, 95 % within ${durationText(p95Seconds)}`;
  const met = rtoMetRatio === null ? '' : `, RTO of ${durationText(rtoSeconds)} met in ${Math.round(rtoMetRatio * 100)} %`;
  return `  ${system}: ${runs} recovered, ${failed} failed; ${times}${met}`;
}

/** Pure: the same digest gives the same mail. */
export function composeDigest(digest: Digest, { accountId, region }: Scope): ComposedMessage {
  const { recoveries, vetoes, wouldHave, from, to } = digest;
  const runs = recoveries.reduce((sum, row) => sum + row.runs, 0);
  const head = `Week to ${to.slice(0, 10)}: ${runs} recovered by the machine, ${recoveries.reduce((sum, row) => sum + row.failed, 0)} failed`;
  return {
    subject: subjectText(`[info] ${head} (${region})`),
    text: [
      `${head}.`,
      `Account ${accountId}, Region ${region}, from ${from.slice(0, 10)} to ${to.slice(0, 10)}.`,
      '',
      'Recovery times:',
      ...(recoveries.length === 0 ? ['  no repair ran'] : recoveries.map(recoveryLine)),
      ...(vetoes.length === 0 ? [] : ['', `Vetoes: ${vetoes.map(({ guardrail, count }) => `${guardrail} ${count}`).join(', ')}`]),
      ...wouldHaveLines(wouldHave),
      '',
      `Look closer: ${perennial('remediations', { accountId, region })}`,
    ].join('\n'),
    sms: smsText([head]),
    data: { step: 'digest', accountId, region, ...digest },
  };
}
