import { describe, expect, it } from 'vitest';
import { keepClientTokens, takeOutClientToken } from '../../../sandbox/overlay/client-token-filter.ts';
import { textsOf } from '../../../sandbox/overlay/xml.ts';

const instance = (id: string, token: string): string =>
  `<item><tags><item><k>x</k></item></tags><clientToken>${token}</clientToken><instanceId>${id}</instanceId></item>`;
const reservation = (...instances: readonly string[]): string =>
  `<item><groupSet/><reservationId>r</reservationId><instancesSet>${instances.join('')}</instancesSet></item>`;

describe('takeOutClientToken', () => {
  it('takes the filter out and renumbers the others', () => {
    const request = new URLSearchParams({
      Action: 'DescribeInstances',
      'Filter.1.Name': 'client-token',
      'Filter.1.Value.1': 'a',
      'Filter.1.Value.2': 'b',
      'Filter.2.Name': 'instance-state-name',
      'Filter.2.Value.1': 'running',
    });
    const taken = takeOutClientToken(request);
    expect(taken?.clientTokens).toEqual(['a', 'b']);
    expect(Object.fromEntries(taken?.parameters ?? [])).toEqual({
      Action: 'DescribeInstances',
      'Filter.1.Name': 'instance-state-name',
      'Filter.1.Value.1': 'running',
    });
  });

  it('leaves a request without it alone', () => {
    expect(takeOutClientToken(new URLSearchParams({ 'Filter.1.Name': 'vpc-id', 'Filter.1.Value.1': 'client-token' }))).toBeUndefined();
  });
});

it('keeps the instances with the token and drops empty reservations', () => {
  const xml = `<R><reservationSet>${reservation(instance('i-1', 'a'), instance('i-2', 'b'))}${reservation(instance('i-3', 'b'))}</reservationSet></R>`;
  const kept = keepClientTokens(xml, ['a']);
  expect(textsOf(kept, 'instanceId')).toEqual(['i-1']);
  expect(textsOf(kept, 'reservationId')).toEqual(['r']);
});
