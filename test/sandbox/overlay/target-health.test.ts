import { describe, expect, it } from 'vitest';
import { rewriteTargetHealth } from '../../../sandbox/overlay/target-health.ts';
import type { TargetFacts } from '../../../sandbox/overlay/target-health.ts';
import { textsOf } from '../../../sandbox/overlay/xml.ts';

const NONE: TargetFacts = { isMarkedUnhealthy: false, initialUntilMs: undefined, drainingUntilMs: undefined };

/** The form in which moto answers. */
function answer(...members: readonly string[]): string {
  const list = members.length === 0 ? '<TargetHealthDescriptions/>' : `<TargetHealthDescriptions>${members.join('')}</TargetHealthDescriptions>`;
  return `<DescribeTargetHealthResponse><DescribeTargetHealthResult>${list}</DescribeTargetHealthResult></DescribeTargetHealthResponse>`;
}

function member(id: string, health: string): string {
  return `<member><Target><Id>${id}</Id><Port>80</Port></Target><HealthCheckPort>traffic-port</HealthCheckPort><TargetHealth>${health}</TargetHealth></member>`;
}

const healthy = (id: string): string => member(id, '<State>healthy</State>');
const notRegistered = (id: string): string =>
  member(id, '<State>unused</State><Reason>Target.NotRegistered</Reason><Description>Target is not registered to the target group</Description>');

function rewrite(xml: string, facts: Readonly<Record<string, Partial<TargetFacts>>>, draining: readonly string[] = [], nowMs = 1000): string {
  return rewriteTargetHealth(xml, (id) => ({ ...NONE, ...facts[id] }), draining, nowMs);
}

describe('rewriteTargetHealth', () => {
  it('passes on what it knows nothing about', () => {
    const xml = answer(healthy('i-1'), notRegistered('i-2'));
    expect(rewrite(xml, {})).toBe(xml);
  });

  it('answers unhealthy with the reason of failed health checks for a marked target, and leaves its peer', () => {
    const xml = rewrite(answer(healthy('i-1'), healthy('i-2')), { 'i-1': { isMarkedUnhealthy: true } });
    expect(textsOf(xml, 'State')).toEqual(['unhealthy', 'healthy']);
    expect(textsOf(xml, 'Reason')).toEqual(['Target.FailedHealthChecks']);
    expect(textsOf(xml, 'Description')).toEqual(['Health checks failed']);
    expect(textsOf(xml, 'Port')).toEqual(['80', '80']);
  });

  it('answers initial until the first health checks are over, then healthy', () => {
    const facts = { 'i-1': { initialUntilMs: 1500 } };
    expect(textsOf(rewrite(answer(healthy('i-1')), facts, [], 1499), 'State')).toEqual(['initial']);
    expect(textsOf(rewrite(answer(healthy('i-1')), facts, [], 1499), 'Reason')).toEqual(['Elb.InitialHealthChecking']);
    expect(textsOf(rewrite(answer(healthy('i-1')), facts, [], 1500), 'State')).toEqual(['healthy']);
  });

  it('answers initial before unhealthy for a target that is both new and marked', () => {
    const facts = { 'i-1': { initialUntilMs: 1500, isMarkedUnhealthy: true } };
    expect(textsOf(rewrite(answer(healthy('i-1')), facts, [], 1000), 'State')).toEqual(['initial']);
    expect(textsOf(rewrite(answer(healthy('i-1')), facts, [], 1500), 'State')).toEqual(['unhealthy']);
  });

  it('answers draining for a deregistered target that the call names, then unused', () => {
    const facts = { 'i-1': { drainingUntilMs: 2000 } };
    expect(textsOf(rewrite(answer(notRegistered('i-1')), facts, [], 1999), 'State')).toEqual(['draining']);
    expect(textsOf(rewrite(answer(notRegistered('i-1')), facts, [], 1999), 'Reason')).toEqual(['Target.DeregistrationInProgress']);
    expect(textsOf(rewrite(answer(notRegistered('i-1')), facts, [], 2000), 'State')).toEqual(['unused']);
  });

  it('adds draining targets that moto has forgotten, also to an empty list', () => {
    const xml = rewrite(answer(), {}, ['i-1']);
    expect(textsOf(xml, 'Id')).toEqual(['i-1']);
    expect(textsOf(xml, 'State')).toEqual(['draining']);
    expect(textsOf(rewrite(answer(healthy('i-2')), {}, ['i-1']), 'Id')).toEqual(['i-2', 'i-1']);
  });

  it('leaves the target of a stopped instance unused although it is marked', () => {
    const stopped = answer(member('i-1', '<State>unused</State><Reason>Target.InvalidState</Reason>'));
    expect(rewrite(stopped, { 'i-1': { isMarkedUnhealthy: true } })).toBe(stopped);
  });
});
