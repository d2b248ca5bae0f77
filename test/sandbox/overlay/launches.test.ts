import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideLaunch, launchFingerprint, launchKey } from '../../../sandbox/overlay/launches.ts';

const launch = (fields: Readonly<Record<string, string>>): URLSearchParams => new URLSearchParams({ Action: 'RunInstances', ...fields });
const known = (...calls: readonly URLSearchParams[]): ReadonlyMap<string, string> =>
  new Map(calls.map((call) => [launchKey('eu-central-1', call) ?? '', launchFingerprint(call)]));

describe('decideLaunch', () => {
  const first = launch({ ImageId: 'ami-1', ClientToken: 'a' });

  it('launches for a new token, for none, and in another Region', () => {
    expect(decideLaunch(known(), 'eu-central-1', first).kind).toBe('launch');
    expect(decideLaunch(known(first), 'eu-west-1', first).kind).toBe('launch');
    expect(decideLaunch(known(first), 'eu-central-1', launch({ ImageId: 'ami-1' })).kind).toBe('launch');
  });

  it('repeats the first answer for the same token and parameters, in whatever order they come', () => {
    const reordered = new URLSearchParams([...first].toReversed());
    expect(decideLaunch(known(first), 'eu-central-1', reordered)).toEqual({ kind: 'repeat', key: 'eu-central-1 a' });
  });

  it('refuses the same token with any other parameter', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1 }).filter((text) => text !== 'ami-1'),
        (image) => {
          const other = launch({ ImageId: image, ClientToken: 'a' });
          expect(decideLaunch(known(first), 'eu-central-1', other)).toEqual({ kind: 'mismatch', token: 'a' });
        },
      ),
    );
  });

  it('does not use a token up on a dry run', () => {
    expect(launchKey('eu-central-1', launch({ ClientToken: 'a', DryRun: 'true' }))).toBeUndefined();
  });
});
