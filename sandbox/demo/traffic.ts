import { setTimeout as delay } from 'node:timers/promises';
import { type CloudWatchClient, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { DescribeTargetHealthCommand, type ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2';
import { host } from '../emulators/host.ts';

export const SERVICE_NAMESPACE = 'Demo/Shop';

/** A fixed rate, spread evenly over the registered targets. */
const REQUESTS_PER_TICK = 120;
const TICK_MILLISECONDS = 2000;

export interface Traffic {
  /** Requests sent so far. */
  readonly totals: () => { readonly good: number; readonly total: number };
  readonly stop: () => Promise<void>;
}

interface TrafficOptions {
  readonly elb: ElasticLoadBalancingV2Client;
  readonly cloudWatch: CloudWatchClient;
  readonly targetGroupArn: string;
  readonly service: string;
}

interface Target {
  readonly instanceId: string;
  readonly isServing: boolean;
}

/**
 * Stands in for customers: asks the load balancer's API which targets are registered, spreads the requests over them, and counts a
 * request as bad when its target is unhealthy at that moment. Puts the counts as metrics, and every target's own check beside them.
 */
export function startTraffic(options: TrafficOptions): Traffic {
  const stopping = new AbortController();
  const counted = { good: 0, total: 0 };
  const loop = run(options, counted, stopping.signal);
  return {
    totals: () => ({ ...counted }),
    stop: async () => {
      stopping.abort();
      await loop;
    },
  };
}

async function run(options: TrafficOptions, counted: { good: number; total: number }, stopped: AbortSignal): Promise<void> {
  while (!stopped.aborted) {
    try {
      await tick(options, counted);
    } catch (error) {
      // Customers do not stop for one lost call; an emulator that died ends the sandbox by itself.
      if (!stopped.aborted) process.stderr.write(`traffic: ${error instanceof Error ? error.message : String(error)}\n`);
    }
    await delay(TICK_MILLISECONDS, undefined, { signal: stopped }).catch(() => undefined);
  }
}

async function readTargets({ elb, targetGroupArn }: TrafficOptions): Promise<readonly Target[]> {
  const answer = await elb.send(new DescribeTargetHealthCommand({ TargetGroupArn: targetGroupArn }));
  return (answer.TargetHealthDescriptions ?? []).flatMap((description): readonly Target[] => {
    const state = description.TargetHealth?.State;
    const instanceId = description.Target?.Id;
    // Draining and starting targets get no new requests.
    return instanceId === undefined || state === 'draining' || state === 'initial' || state === 'unused'
      ? []
      : [{ instanceId, isServing: state === 'healthy' }];
  });
}

async function tick(options: TrafficOptions, counted: { good: number; total: number }): Promise<void> {
  const targets = await readTargets(options);
  const each = targets.length === 0 ? 0 : REQUESTS_PER_TICK / targets.length;
  const good = Math.round(targets.filter((target) => target.isServing).length * each);
  counted.good += good;
  counted.total += REQUESTS_PER_TICK;
  const at = new Date(host.now());
  const service = [{ Name: 'Service', Value: options.service }];
  await options.cloudWatch.send(
    new PutMetricDataCommand({
      Namespace: SERVICE_NAMESPACE,
      MetricData: [
        { MetricName: 'GoodRequests', Dimensions: service, Value: good, Timestamp: at, Unit: 'Count' },
        { MetricName: 'TotalRequests', Dimensions: service, Value: REQUESTS_PER_TICK, Timestamp: at, Unit: 'Count' },
        ...targets.map((target) => ({
          MetricName: 'FailedChecks',
          Dimensions: [{ Name: 'InstanceId', Value: target.instanceId }],
          Value: target.isServing ? 0 : 1,
          Timestamp: at,
          Unit: 'Count' as const,
        })),
      ],
    }),
  );
}
