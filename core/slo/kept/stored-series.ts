import type { Sample } from '../evaluation/ledger.ts';
import { dayMillis, type DayRollUp, hourFillOf, type HourFill, hourMillis, hoursBetween, rolledUpSeries, startOfHour } from './roll-ups.ts';
import { dayOfMillis, judgedSeries, type Judging, type SealedDay, scaleOf } from './sealed.ts';
import type { Series, Sums } from '../evaluation/series.ts';
import { burnRatePairs } from '../objective/burn-rate.ts';
import type { DeclaredAlert } from '../objective/declared-alerts.ts';
import type { BudgetSpecification } from '../objective/specification.ts';

/*
 * A budget's series from what is stored: sealed days, the hours that windows begin in, and the readings that are not sealed yet. Equal
 * to the series of all readings together; what it costs does not depend on the window.
 */

export interface StoredMaterial extends Judging {
  readonly days: ReadonlyMap<string, SealedDay>;
  /** Start of an hour and of a slice: from here on there are readings only. */
  readonly rolledUntilMillis: number;
  /** From `rolledUntilMillis` on. */
  readonly readings: readonly Sample[];
  /** The readings of a sealed hour, by its start. */
  readonly hourReadings: (hourMillis: number) => readonly Sample[];
  /** Series of sealed hours, kept between runs. */
  readonly edges: Map<number, readonly Series[]>;
}

const nothing: Sums = { bad: 0n, total: 0n };

/** The hours that the windows of a declared alert begin in: of now, and of each moment of its `alertAfter`; and those they end in. */
function hoursOfAlert({ lookBackSeconds, alertAfterSeconds }: DeclaredAlert, atMillis: number): readonly number[] {
  const hoursBefore = (latest: number): readonly number[] => hoursBetween(startOfHour(latest - alertAfterSeconds * 1000), startOfHour(latest) + hourMillis);
  return [...hoursBefore(atMillis - lookBackSeconds * 1000 + 1), ...(alertAfterSeconds === 0 ? [] : hoursBefore(atMillis))];
}

/** The sealed hours whose readings an evaluation needs: those that a window begins within. Slices of an hour and more are never cut by one. */
export function edgeHours({ window, sliceSeconds, alerts }: BudgetSpecification, atMillis: number, rolledUntilMillis: number): readonly number[] {
  if (sliceSeconds * 1000 >= hourMillis) return [];
  const span = window.spanAt(atMillis);
  if (span.kind === 'refused') return [];
  const lookBacks = burnRatePairs.flatMap(({ longWindowSeconds, shortWindowSeconds }) => [longWindowSeconds, shortWindowSeconds]);
  const beginnings = [span.from, ...lookBacks.filter((seconds) => seconds < window.nominalSeconds).map((seconds) => atMillis - seconds * 1000 + 1)];
  const cut = beginnings.filter((from) => from % hourMillis !== 0).map(startOfHour);
  const declared = alerts.flatMap((alert) => hoursOfAlert(alert, atMillis));
  return [...new Set([...cut, ...declared])].filter((hour) => hour < rolledUntilMillis);
}

/** The part of `series` for each hour of a span, by a source that knows the hour. */
function byHours(scale: bigint, sourceOf: (hour: number) => Series | undefined): Series {
  return {
    scale,
    between: (from, until) => {
      let sums = nothing;
      for (let hour = startOfHour(from); hour <= until; hour += hourMillis) {
        const { bad, total } = sourceOf(hour)?.between(Math.max(from, hour), Math.min(until, hour + hourMillis - 1)) ?? nothing;
        sums = { bad: sums.bad + bad, total: sums.total + total };
      }
      return sums;
    },
  };
}

function edgeOf(material: StoredMaterial, hour: number, atMillis: number): readonly Series[] {
  const known = material.edges.get(hour);
  if (known !== undefined) return known;
  const isAhead = hour > atMillis;
  // Between two whole slices of an hour and more, nothing begins.
  if (!isAhead && material.specification.sliceSeconds * 1000 >= hourMillis) return [];
  const series = judgedSeries(material, isAhead ? [] : material.hourReadings(hour), { fromMillis: hour, atMillis, lastMillis: hour + hourMillis - 1 });
  if (!isAhead) material.edges.set(hour, series);
  return series;
}

/**
 * Sums of hours that nothing is kept of. What lies ahead in a calendar window is good, whatever a gap counts as, unless somebody has
 * entered something about it.
 */
function fillOf(material: StoredMaterial, index: number, atMillis: number): HourFill {
  const { specification, amendments } = material;
  const past = hourFillOf(specification);
  const ahead = hourFillOf({ ...specification, semantics: { ...specification.semantics, noData: 'good' } });
  return (hour) => {
    const start = hour * hourMillis;
    if (start <= atMillis) return past(hour);
    if (!amendments.isTouched(start, start + hourMillis)) return ahead(hour);
    return edgeOf(material, start, atMillis)[index]?.between(start, start + hourMillis - 1) ?? nothing;
  };
}

/** The days that are not sealed as a whole: sealed hours as they are stored, the others from the readings. */
function openDays(material: StoredMaterial, index: number, recent: Series, untilMillis: number, fill: HourFill): readonly DayRollUp[] {
  const { rolledUntilMillis, days } = material;
  const firstDay = Math.floor(rolledUntilMillis / dayMillis) * dayMillis;
  return Array.from({ length: Math.ceil((untilMillis - firstDay) / dayMillis) }, (_, number) => {
    const start = firstDay + number * dayMillis;
    const day = dayOfMillis(start);
    const stored = days.get(day)?.rollUps[index]?.hours;
    const hours = Array.from({ length: dayMillis / hourMillis }, (__, hour) => {
      const at = start + hour * hourMillis;
      if (at < rolledUntilMillis) return stored?.[hour] ?? fill(at / hourMillis);
      return at < untilMillis ? recent.between(at, at + hourMillis - 1) : fill(at / hourMillis);
    });
    return { day, hours, sum: hours.reduce((sum, { bad, total }) => ({ bad: sum.bad + bad, total: sum.total + total })) };
  });
}

/** Slices of an hour and more begin where hours do: a span that ends within an hour has the slice that begins with it, whole. */
function byWholeHours({ scale, between }: Series): Series {
  return { scale, between: (from, until) => between(Math.ceil(from / hourMillis) * hourMillis, startOfHour(until) + hourMillis - 1) };
}

/** The series of a budget at a moment, and those of the readings that are not sealed. */
export function storedSeries(material: StoredMaterial, atMillis: number): { readonly series: readonly Series[]; readonly recent: readonly Series[] } {
  const { specification, rolledUntilMillis, days } = material;
  const untilMillis = startOfHour(atMillis) + hourMillis;
  const recent = judgedSeries(material, material.readings, { fromMillis: rolledUntilMillis, atMillis, lastMillis: untilMillis - 1 });
  const firstOpen = dayOfMillis(rolledUntilMillis);
  const sealedDays = [...days.values()].filter(({ day }) => day < firstOpen);
  const series = recent.map((own, index) => {
    const fill = fillOf(material, index, atMillis);
    const sourceOf = (hour: number): Series | undefined => (hour >= rolledUntilMillis && hour < untilMillis ? own : edgeOf(material, hour, atMillis)[index]);
    const sealed = sealedDays.flatMap(({ rollUps }) => rollUps[index] ?? []);
    const rolled = rolledUpSeries([...sealed, ...openDays(material, index, own, untilMillis, fill)], byHours(scaleOf(specification), sourceOf), fill);
    return specification.sliceSeconds * 1000 >= hourMillis ? byWholeHours(rolled) : rolled;
  });
  return { series, recent };
}
