/**
 * Idempotency of RunInstances by ClientToken, which moto lacks: the same token with the same parameters gives the first
 * answer again, with other parameters an error
 * (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Run_Instance_Idempotency.html).
 */
export type LaunchDecision =
  | { readonly kind: 'launch' }
  | { readonly kind: 'repeat'; readonly key: string }
  | { readonly kind: 'mismatch'; readonly token: string };

/** The parameters that must not differ between calls with one token, in a form that compares as text. */
export function launchFingerprint(parameters: URLSearchParams): string {
  const relevant = [...parameters].filter(([key]) => key !== 'ClientToken');
  return new URLSearchParams(relevant.toSorted(([a], [b]) => (a < b ? -1 : 1))).toString();
}

/** One token belongs to one account and Region; the local fleet has one account. */
export function launchKey(region: string, parameters: URLSearchParams): string | undefined {
  const token = parameters.get('ClientToken');
  // A dry run launches nothing, so it does not use the token up.
  return token === null || token === '' || parameters.get('DryRun') === 'true' ? undefined : `${region} ${token}`;
}

/** @param known fingerprint of the first call of each key */
export function decideLaunch(known: ReadonlyMap<string, string>, region: string, parameters: URLSearchParams): LaunchDecision {
  const key = launchKey(region, parameters);
  const first = key === undefined ? undefined : known.get(key);
  if (key === undefined || first === undefined) {
    return { kind: 'launch' };
  }
  return first === launchFingerprint(parameters) ? { kind: 'repeat', key } : { kind: 'mismatch', token: parameters.get('ClientToken') ?? '' };
}
