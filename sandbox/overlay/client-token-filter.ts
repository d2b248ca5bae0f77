import { mapItems, textOf } from './xml.ts';

/** Filter of DescribeInstances that moto lacks: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html */
const CLIENT_TOKEN = 'client-token';

export interface TakenOutFilter {
  /** The request without that filter, the others renumbered. */
  readonly parameters: URLSearchParams;
  readonly clientTokens: readonly string[];
}

/** Takes the `client-token` filter out of a request; `undefined` when it has none. */
export function takeOutClientToken(parameters: URLSearchParams): TakenOutFilter | undefined {
  const fields = [...parameters];
  const numbers = fields.flatMap(([key]) => /^Filter\.(\d+)\.Name$/.exec(key)?.[1] ?? []);
  const taken = numbers.find((number) => parameters.get(`Filter.${number}.Name`) === CLIENT_TOKEN);
  if (taken === undefined) {
    return undefined;
  }
  const kept = numbers.filter((number) => number !== taken);
  const renumbered = fields.flatMap(([key, value]): readonly (readonly [string, string])[] => {
    const number = /^Filter\.(\d+)\./.exec(key)?.[1];
    if (number === undefined) {
      return [[key, value]];
    }
    return number === taken ? [] : [[key.replace(`Filter.${number}.`, `Filter.${kept.indexOf(number) + 1}.`), value]];
  });
  const clientTokens = fields.filter(([key]) => key.startsWith(`Filter.${taken}.Value.`)).map(([, value]) => value);
  const renumberedParameters = new URLSearchParams();
  renumbered.forEach(([key, value]) => renumberedParameters.append(key, value));
  return { parameters: renumberedParameters, clientTokens };
}

/** Keeps only instances launched with one of these tokens, and only reservations that still have instances. */
export function keepClientTokens(xml: string, clientTokens: readonly string[]): string {
  return mapItems(xml, 'reservationSet', 'item', (reservation) => {
    let kept = 0;
    const rewritten = mapItems(reservation, 'instancesSet', 'item', (instance) => {
      const isWanted = clientTokens.includes(textOf(instance, 'clientToken') ?? '');
      kept += isWanted ? 1 : 0;
      return isWanted ? instance : '';
    });
    return kept === 0 ? '' : rewritten;
  });
}
