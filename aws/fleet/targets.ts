import {
  DeregisterTargetsCommand,
  DescribeTargetGroupsCommand,
  DescribeTargetHealthCommand,
  type ElasticLoadBalancingV2Client,
  RegisterTargetsCommand,
  type TargetGroup,
  type TargetHealthDescription,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import type { CapturedTarget } from '../../core/remediation/surroundings/capture.ts';
import type { TargetHealth, TargetReader, TargetRegistrar, TargetState } from '../../core/remediation/ports.ts';
import { callAws } from '../platform/aws-errors.ts';
import { absentOr } from './instance-reader.ts';

/** https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html */
const states: Readonly<Record<string, TargetState>> = {
  initial: 'initial',
  healthy: 'healthy',
  unhealthy: 'unhealthy',
  'unhealthy.draining': 'draining',
  draining: 'draining',
  unused: 'unused',
  unavailable: 'unavailable',
};

function stateOf(description: TargetHealthDescription | undefined): TargetState {
  const health = description?.TargetHealth;
  if (health === undefined || health.Reason === 'Target.NotRegistered') return 'unregistered';
  return states[health.State ?? ''] ?? 'unavailable';
}

function healthOf(instanceId: string, target: CapturedTarget, description: TargetHealthDescription | undefined): TargetHealth {
  const reason = description?.TargetHealth?.Reason;
  return { ...target, instanceId, state: stateOf(description), ...(reason === undefined ? {} : { reason }) };
}

/** The named groups that exist; DescribeTargetGroups fails as a whole for one that does not, so each is asked by itself. */
export async function findTargetGroups(elb: ElasticLoadBalancingV2Client, names: readonly string[]): Promise<readonly TargetGroup[]> {
  const groups = await Promise.all(
    names.map((name) =>
      absentOr(`describe the target group ${name}`, ['TargetGroupNotFoundException', 'TargetGroupNotFound'], () =>
        elb.send(new DescribeTargetGroupsCommand({ Names: [name] })),
      ),
    ),
  );
  return groups.flatMap((answer) => answer?.TargetGroups ?? []);
}

/** Every registered target of a group, in our words. */
export async function readRegistered(elb: ElasticLoadBalancingV2Client, group: TargetGroup): Promise<readonly TargetHealth[]> {
  const answer = await callAws(`read the targets of ${group.TargetGroupName}`, () =>
    elb.send(new DescribeTargetHealthCommand({ TargetGroupArn: group.TargetGroupArn })),
  );
  return (answer.TargetHealthDescriptions ?? []).flatMap((description) => {
    const { Id, Port } = description.Target ?? {};
    const target = { targetGroupArn: group.TargetGroupArn ?? '', targetGroupName: group.TargetGroupName ?? '', port: Port ?? group.Port ?? 0 };
    return Id === undefined ? [] : [healthOf(Id, target, description)];
  });
}

export function createTargetReader(elb: ElasticLoadBalancingV2Client): TargetReader {
  return {
    health: (instanceId, targets) => Promise.all(targets.map((target) => readHealth(elb, instanceId, target))),
    registered: async (names) => {
      const groups = await findTargetGroups(elb, names);
      const targets = await Promise.all(groups.map((group) => readRegistered(elb, group)));
      return targets.flat();
    },
  };
}

async function readHealth(elb: ElasticLoadBalancingV2Client, instanceId: string, target: CapturedTarget): Promise<TargetHealth> {
  const command = new DescribeTargetHealthCommand({ TargetGroupArn: target.targetGroupArn, Targets: [{ Id: instanceId, Port: target.port }] });
  const answer = await callAws(`read the health of ${instanceId} in ${target.targetGroupName}`, () => elb.send(command));
  return healthOf(instanceId, target, answer.TargetHealthDescriptions?.[0]);
}

/** Registering twice is one registration, deregistering what is out is none: both calls are idempotent by themselves. */
export function createTargetRegistrar(elb: ElasticLoadBalancingV2Client): TargetRegistrar {
  return {
    register: async (instanceId, targets) => {
      for (const { targetGroupArn, targetGroupName, port } of targets) {
        await callAws(`register ${instanceId} with ${targetGroupName}:${port}`, () =>
          elb.send(new RegisterTargetsCommand({ TargetGroupArn: targetGroupArn, Targets: [{ Id: instanceId, Port: port }] })),
        );
      }
    },
    deregister: async (instanceId, targets) => {
      for (const { targetGroupArn, targetGroupName, port } of targets) {
        await callAws(`deregister ${instanceId} from ${targetGroupName}:${port}`, () =>
          elb.send(new DeregisterTargetsCommand({ TargetGroupArn: targetGroupArn, Targets: [{ Id: instanceId, Port: port }] })),
        );
      }
    },
  };
}
