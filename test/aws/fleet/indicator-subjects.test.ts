import { ElasticLoadBalancingV2Client, TargetGroupNotFoundException } from '@aws-sdk/client-elastic-load-balancing-v2';
import { describe, expect, it } from 'vitest';
import { CachedSubjectReader } from '../../../aws/fleet/indicator-subjects.ts';
import { VirtualClock } from '../../../sim/deterministic.ts';

const prefix = 'arn:aws:elasticloadbalancing:eu-central-1:111122223333';
const web = { TargetGroupName: 'web', TargetGroupArn: `${prefix}:targetgroup/web/73e2`, LoadBalancerArns: [`${prefix}:loadbalancer/app/shop/50dc`] };

/** Knows one target group; counts what it is asked. */
function stubbedClient() {
  const asked: unknown[] = [];
  const client = new ElasticLoadBalancingV2Client({ region: 'eu-central-1' });
  client.middlewareStack.add(
    () => (call) => {
      asked.push(call.input);
      if (JSON.stringify(call.input).includes('gone')) throw new TargetGroupNotFoundException({ message: 'none', $metadata: {} });
      return Promise.resolve({ output: { TargetGroups: [web], $metadata: {} }, response: {} });
    },
    { step: 'initialize' },
  );
  return { client, asked };
}

describe('the dimensions of target groups', () => {
  it('are the ends of their ARNs, asked for every ten minutes; one that does not exist is not there', async () => {
    const { client, asked } = stubbedClient();
    const clock = new VirtualClock('2026-11-21T09:00:00.000Z');
    const reader = new CachedSubjectReader(client, clock);
    const expected = new Map([['web', { targetGroup: 'targetgroup/web/73e2', loadBalancer: 'app/shop/50dc' }]]);
    expect(await reader.targetGroups(['web', 'gone'])).toEqual(expected);
    expect(await reader.targetGroups(['gone', 'web'])).toEqual(expected);
    expect(asked).toHaveLength(2);
    clock.advance(601);
    await reader.targetGroups(['web', 'gone']);
    expect(asked).toHaveLength(4);
  });
});
