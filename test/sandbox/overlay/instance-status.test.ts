import { describe, expect, it } from 'vitest';
import { rewriteInstanceStatus } from '../../../sandbox/overlay/instance-status.ts';
import type { Impairment } from '../../../sandbox/overlay/instance-status.ts';
import { textsOf } from '../../../sandbox/overlay/xml.ts';

const SINCE = '2026-11-21T09:00:00.000Z';
const PASSED = '<details><item><name>reachability</name><status>passed</status></item></details><status>ok</status>';

function item(id: string, state = 'running', checks = PASSED): string {
  return (
    `<item><availabilityZone>eu-central-1a</availabilityZone><instanceId>${id}</instanceId><instanceState><code>16</code><name>${state}</name></instanceState>` +
    `<instanceStatus>${checks}</instanceStatus><systemStatus>${checks}</systemStatus></item>`
  );
}

function answer(...items: readonly string[]): string {
  return `<DescribeInstanceStatusResponse><instanceStatusSet>${items.join('')}</instanceStatusSet></DescribeInstanceStatusResponse>`;
}

const failingInstance = (id: string): Impairment | undefined => (id === 'i-1' ? { instanceImpairedSince: SINCE, systemImpairedSince: undefined } : undefined);

describe('rewriteInstanceStatus', () => {
  it('answers impaired with the moment it began, for the failed check only', () => {
    const xml = rewriteInstanceStatus(answer(item('i-1'), item('i-2')), failingInstance, []);
    expect(textsOf(xml, 'status')).toEqual(['failed', 'impaired', 'passed', 'ok', 'passed', 'ok', 'passed', 'ok']);
    expect(textsOf(xml, 'impairedSince')).toEqual([SINCE]);
  });

  it('can fail the system check', () => {
    const xml = rewriteInstanceStatus(answer(item('i-1')), () => ({ instanceImpairedSince: undefined, systemImpairedSince: SINCE }), []);
    expect(xml).toContain('<systemStatus><details><item><impairedSince>');
    expect(xml).toContain(`<instanceStatus>${PASSED}</instanceStatus>`);
  });

  it('leaves a stopped instance not-applicable', () => {
    const stopped = answer(item('i-1', 'stopped', '<status>not-applicable</status>'));
    expect(rewriteInstanceStatus(stopped, failingInstance, [])).toBe(stopped);
  });

  it.each([
    ['instance-status.status', 'impaired', ['i-1']],
    ['instance-status.status', 'ok', ['i-2']],
    ['instance-status.reachability', 'failed', ['i-1']],
    ['system-status.status', 'impaired', []],
    ['system-status.reachability', 'passed', ['i-1', 'i-2']],
  ])('applies the filter %s=%s, which moto ignores', (name, value, expected) => {
    const xml = rewriteInstanceStatus(answer(item('i-1'), item('i-2')), failingInstance, [{ name, values: [value] }]);
    expect(textsOf(xml, 'instanceId')).toEqual(expected);
  });
});
