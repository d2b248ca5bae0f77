import type { AutoScalingGroupFacts, MemberFacts } from '../surroundings/member-ports.ts';
import type { ObservePorts, PhaseContext } from '../phase.ts';
import type { Remediation } from '../record.ts';

/* What the phases of a group member look for in its group. */

export const isWorking = (member: MemberFacts): boolean => member.lifecycleState === 'InService' && member.isHealthy;

/** Which group was asked, or had begun by itself, and since when. */
export function askedOf({ calls, timing }: Remediation): { readonly groupName: string; readonly since: string } | undefined {
  const answer = (calls['adopt'] ?? calls['standby'] ?? calls['mark-unhealthy'])?.result;
  return answer?.['groupName'] === undefined ? undefined : { groupName: answer['groupName'], since: answer['since'] ?? timing.decidedAt };
}

/** Those in service that were launched since then; one in the zone of the old one first. */
export async function newMembers({ ports, session }: PhaseContext<ObservePorts>, group: AutoScalingGroupFacts, since: string): Promise<readonly string[]> {
  const { oldInstanceId, slotId } = session.record;
  const candidates = group.members.filter((member) => member.instanceId !== oldInstanceId && isWorking(member));
  const young: MemberFacts[] = [];
  for (const member of candidates) {
    // one after the other: groups are read rarely, and few members are candidates
    const facts = await ports.instances.read(member.instanceId);
    if (facts !== undefined && facts.state === 'running' && facts.launchedAt >= since) young.push(member);
  }
  const isSameZone = (member: MemberFacts): boolean => slotId.endsWith(`/${member.availabilityZone}`);
  return young.toSorted((left, right) => Number(isSameZone(right)) - Number(isSameZone(left))).map(({ instanceId }) => instanceId);
}
