import { expect } from 'vitest';

const MAX_LOOKS = 5;

/**
 * For what an emulator shows for a second only: on a machine that stood still just then, another look at a new one is allowed.
 *
 * @param look begins anew, and gives what it sees first
 */
export async function expectMoment<Seen>(look: () => Promise<Seen>, wanted: readonly Seen[]): Promise<void> {
  let seen = await look();
  for (let looks = 1; looks < MAX_LOOKS && !wanted.includes(seen); looks += 1) seen = await look();
  expect(wanted).toContain(seen);
}
