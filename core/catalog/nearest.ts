/** Names longer than this are not compared. */
const maximumLength = 64;

/** Levenshtein distance: single-character edits from `a` to `b`. */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [row, fromCharacter] of a.split('').entries()) {
    const current = [row + 1];
    for (const [column, toCharacter] of b.split('').entries()) {
      const replaced = (previous[column] ?? 0) + (fromCharacter === toCharacter ? 0 : 1);
      current.push(Math.min(replaced, (previous[column + 1] ?? 0) + 1, (current[column] ?? 0) + 1));
    }
    previous = current;
  }
  return previous.at(-1) ?? 0;
}

/** The candidate that `wanted` was most likely meant to be; `undefined` when none is near. */
export function nearest(wanted: string, candidates: readonly string[]): string | undefined {
  if (wanted.length > maximumLength) return undefined;
  const limit = Math.max(1, Math.floor(wanted.length / 3));
  const near = candidates
    .filter((candidate) => candidate.length <= maximumLength)
    .map((candidate) => ({ candidate, distance: editDistance(wanted.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ distance }) => distance <= limit)
    .toSorted((a, b) => a.distance - b.distance);
  return near[0]?.candidate;
}
