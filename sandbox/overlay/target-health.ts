import { escapeXml, mapItems, textOf } from './xml.ts';

/** What the overlay knows about one target of one target group, beyond what moto knows. */
export interface TargetFacts {
  readonly isMarkedUnhealthy: boolean;
  /** Milliseconds since 1970 until which the target is in its first health checks; `undefined` when it is past them. */
  readonly initialUntilMs: number | undefined;
  /** Milliseconds since 1970 until which the deregistered target is drained; `undefined` when it is not draining. */
  readonly drainingUntilMs: number | undefined;
}

type Health = readonly [state: string, reason: string, description: string];

// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html
const UNHEALTHY: Health = ['unhealthy', 'Target.FailedHealthChecks', 'Health checks failed'];
const INITIAL: Health = ['initial', 'Elb.InitialHealthChecking', 'Initial health checks in progress'];
const DRAINING: Health = ['draining', 'Target.DeregistrationInProgress', 'Target deregistration is in progress'];

/**
 * Corrects moto's answer to DescribeTargetHealth: a registered, running target is always `healthy` there and a
 * deregistered one is gone at once.
 *
 * @param facts what is known about an instance in this target group
 * @param draining instances that a call without `Targets` must list although moto has forgotten them
 */
export function rewriteTargetHealth(xml: string, facts: (instanceId: string) => TargetFacts, draining: readonly string[], nowMs: number): string {
  const listed = new Set<string>();
  const rewritten = mapItems(xml, 'TargetHealthDescriptions', 'member', (member) => {
    const instanceId = textOf(member, 'Id') ?? '';
    listed.add(instanceId);
    return rewriteMember(member, facts(instanceId), nowMs);
  });
  const missing = draining.filter((instanceId) => !listed.has(instanceId));
  return mapItems(rewritten, 'TargetHealthDescriptions', 'member', (member) => member, missing.map(drainingMember));
}

function rewriteMember(member: string, facts: TargetFacts, nowMs: number): string {
  const health = correctedHealth(textOf(member, 'State') ?? '', textOf(member, 'Reason') ?? '', facts, nowMs);
  return health === undefined ? member : member.replace(/<TargetHealth>.*<\/TargetHealth>/s, () => targetHealth(health));
}

/** `undefined` when moto's answer is right. */
function correctedHealth(state: string, reason: string, facts: TargetFacts, nowMs: number): Health | undefined {
  if (reason === 'Target.NotRegistered') {
    return facts.drainingUntilMs !== undefined && nowMs < facts.drainingUntilMs ? DRAINING : undefined;
  }
  if (state !== 'healthy') {
    return undefined;
  }
  if (facts.initialUntilMs !== undefined && nowMs < facts.initialUntilMs) {
    return INITIAL;
  }
  return facts.isMarkedUnhealthy ? UNHEALTHY : undefined;
}

function targetHealth([state, reason, description]: Health): string {
  return `<TargetHealth><State>${state}</State><Reason>${reason}</Reason><Description>${description}</Description></TargetHealth>`;
}

function drainingMember(instanceId: string): string {
  const target = `<Target><Id>${escapeXml(instanceId)}</Id><Port>80</Port></Target>`;
  return `<member>${target}<HealthCheckPort>traffic-port</HealthCheckPort>${targetHealth(DRAINING)}</member>`;
}
