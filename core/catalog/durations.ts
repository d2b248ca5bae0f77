/* Times and targets as OpenSLO writes them; apart from the schema, because functions need these and not that. */

const secondsPerUnit: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800, M: 2_592_000, Q: 7_776_000, Y: 31_536_000 };

/**
 * Seconds of an OpenSLO duration such as `30d` or `4w`; `undefined` when it is none. `s` is ours (OpenSLO begins at minutes),
 * so that `60s` reads as `1m`. Months, quarters and years count 30, 90 and 365 days: exact for rolling windows, nominal for calendar ones.
 */
export function durationSeconds(text: string): number | undefined {
  const match = /^([1-9]\d{0,5})([smhdwMQY])$/.exec(text);
  const factor = secondsPerUnit[match?.[2] ?? ''];
  return factor === undefined ? undefined : Number(match?.[1]) * factor;
}

/** Seconds of an OpenSLO duration that may be none, such as `0m`. */
export function delaySeconds(text: string): number {
  return durationSeconds(text) ?? 0;
}

/** Seconds of a slice: a number counts minutes (as OpenSLO says), a text is a duration. `undefined` unless whole minutes that divide an hour, or whole hours that divide a day. */
export function timeSliceSeconds(window: number | string): number | undefined {
  const seconds = typeof window === 'number' ? window * 60 : durationSeconds(window);
  if (seconds === undefined || seconds < 60 || seconds % 60 !== 0) return undefined;
  return 3600 % seconds === 0 || (seconds % 3600 === 0 && 86_400 % seconds === 0) ? seconds : undefined;
}

/** The share that must be good, between 0 and 1 (both excluded once parsed). */
export function targetRatio(objective: { readonly target?: number | undefined; readonly targetPercent?: number | undefined }): number {
  // Through 12 digits, so that 99.9 % is the same number as 0.999.
  return objective.target ?? Number(((objective.targetPercent ?? 0) / 100).toPrecision(12));
}
