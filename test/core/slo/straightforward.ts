/*
 * The same budgets as simply as they can be written: raw points, plain numbers, no roll-ups, no running sums. The evaluator is
 * compared with this over thousands of random histories.
 */

export interface RawPoint {
  readonly member: number;
  readonly at: number;
  readonly bad: number;
  readonly total: number;
  readonly observedAt: number;
}

export interface RawEntry {
  readonly as: 'excluded' | 'good' | 'bad' | 'no-data';
  readonly from: number;
  readonly to: number;
  readonly isWithdrawn: boolean;
}

export interface RawBudget {
  readonly method: 'Occurrences' | 'Timeslices' | 'RatioTimeslices';
  readonly sliceMillis: number;
  readonly members: readonly { readonly allowed: number; readonly sliceTarget: number; readonly weight: number }[];
  readonly noData: 'good' | 'bad' | 'ignore';
  readonly minimumEvents: number;
  readonly exclusions: 'good' | 'drop';
  readonly points: readonly RawPoint[];
  /** In the order in which they were entered. */
  readonly entries: readonly RawEntry[];
  readonly now: number;
}

interface Measure {
  readonly bad: number;
  readonly total: number;
  readonly budget: number;
}

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);

/** `isInside` says which moments belong to the span; `moments` are all that might. */
export function straightforward(raw: RawBudget, sliceStarts: readonly number[], isInside: (moment: number) => boolean): Measure {
  const { method, noData, now, minimumEvents } = raw;
  const known = raw.points.filter(({ at }) => at <= now).toSorted((a, b) => a.observedAt - b.observedAt || a.total - b.total || a.bad - b.bad);
  const newest = raw.members.map((_, member) => [...new Map(known.filter((point) => point.member === member).map((point) => [point.at, point])).values()]);
  const verdictAt = (at: number) => {
    const standing = raw.entries.filter(({ from, to, isWithdrawn }) => !isWithdrawn && from <= at && at < to).map(({ as }) => as);
    return standing.includes('excluded') ? 'excluded' : standing.at(-1);
  };
  const judged = (member: number, start: number): number | undefined => {
    const inSlice = (newest[member] ?? []).filter(({ at }) => at >= start && at < start + raw.sliceMillis);
    const verdict = verdictAt(start);
    const events = verdict === 'no-data' ? 0 : sum(inSlice.map(({ total }) => total));
    const bad = sum(inSlice.map((point) => point.bad));
    if (verdict === 'excluded') return raw.exclusions === 'drop' ? undefined : 0;
    if (verdict === 'good' || verdict === 'bad') return verdict === 'bad' ? 1 : 0;
    const isDue = start + raw.sliceMillis <= now && (newest[member] ?? []).some(({ at }) => at < start + raw.sliceMillis);
    if (events === 0 && start <= now) return noData === 'ignore' ? undefined : Number(noData === 'bad' && isDue);
    if (events < minimumEvents) return noData === 'ignore' && start <= now ? undefined : 0;
    return method === 'RatioTimeslices' ? bad / events : Number((events - bad) / events < (raw.members[member]?.sliceTarget ?? 1) - 1e-12);
  };
  const starts = sliceStarts.filter(isInside);
  const strictest = Math.min(...raw.members.map(({ allowed }) => allowed));
  if (method === 'Timeslices') {
    const verdicts = starts.flatMap((start) => {
      const own = raw.members.flatMap((_, member) => judged(member, start) ?? []);
      return own.length === 0 ? [] : [Math.max(...own)];
    });
    return { bad: sum(verdicts), total: verdicts.length, budget: verdicts.length * strictest };
  }
  const measures = raw.members.map(({ allowed, weight }, member) => {
    const shares = method === 'RatioTimeslices' ? starts.flatMap((start) => judged(member, start) ?? []) : [];
    const events = (newest[member] ?? []).filter(({ at }) => isInside(at)).map((point) => ({ ...point, verdict: verdictAt(point.at) }));
    const counted = events.filter(({ verdict }) => verdict !== 'no-data' && !(verdict === 'excluded' && raw.exclusions === 'drop'));
    const badEvents = sum(counted.map(({ bad, total, verdict }) => (verdict === undefined ? bad : verdict === 'bad' ? total : 0)));
    const own = method === 'Occurrences' ? { bad: badEvents, total: sum(counted.map(({ total }) => total)) } : { bad: sum(shares), total: shares.length };
    return { ...own, budget: own.total * allowed, allowed, weight };
  });
  const [only] = measures;
  if (only !== undefined && measures.length === 1) return only;
  const total = method === 'Occurrences' ? sum(measures.map((one) => one.total)) : Math.max(...measures.map((one) => one.total));
  const budget = method === 'Occurrences' ? sum(measures.map((one) => one.budget)) : total * strictest;
  if (method === 'Occurrences')
    return { total, budget, bad: budget * sum(measures.map((one) => (one.budget === 0 ? 0 : (one.bad / one.budget) * one.weight))) };
  return { total, budget, bad: total * Math.min(1, sum(measures.map((one) => (one.total === 0 ? 0 : (one.bad / one.total) * one.weight)))) };
}
