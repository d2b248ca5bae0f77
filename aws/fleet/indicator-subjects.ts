import type { ElasticLoadBalancingV2Client, TargetGroup } from '@aws-sdk/client-elastic-load-balancing-v2';
import type { Clock } from '../../core/environment/ports.ts';
import { secondsBetween, type Timestamp } from '../../core/environment/time.ts';
import type { SubjectReader } from '../../core/slo/reading/ports.ts';
import { findTargetGroups } from './targets.ts';

type Dimensions = { readonly targetGroup: string; readonly loadBalancer: string };

/** Target groups seldom change, and DescribeTargetGroups has a rate limit that repairs need more. */
const KEPT_SECONDS = 600;

/**
 * The values of the dimensions are the ends of the ARNs:
 * https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html#load-balancer-metric-dimensions-alb
 */
function dimensionsOf({ TargetGroupArn, LoadBalancerArns }: TargetGroup): Dimensions | undefined {
  const targetGroup = /(?:^|:)(targetgroup\/.+)$/.exec(TargetGroupArn ?? '')?.[1];
  // A target group has at most one application load balancer.
  const loadBalancer = /:loadbalancer\/(app\/.+)$/.exec(LoadBalancerArns?.[0] ?? '')?.[1];
  return targetGroup === undefined || loadBalancer === undefined ? undefined : { targetGroup, loadBalancer };
}

/** Asks for the same target groups every ten minutes. */
export class CachedSubjectReader implements SubjectReader {
  readonly #client: ElasticLoadBalancingV2Client;
  readonly #clock: Clock;
  #known: { readonly at: Timestamp; readonly names: string; readonly found: ReadonlyMap<string, Dimensions> } | undefined;

  constructor(client: ElasticLoadBalancingV2Client, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  async targetGroups(names: readonly string[]): Promise<ReadonlyMap<string, Dimensions>> {
    const at = this.#clock.now();
    const wanted = names.toSorted().join(' ');
    if (this.#known?.names === wanted && secondsBetween(this.#known.at, at) < KEPT_SECONDS) return this.#known.found;
    const groups = await findTargetGroups(this.#client, names);
    const found = new Map(
      groups.flatMap((group) => {
        const dimensions = dimensionsOf(group);
        return dimensions === undefined || group.TargetGroupName === undefined ? [] : [[group.TargetGroupName, dimensions] as const];
      }),
    );
    this.#known = { at, names: wanted, found };
    return found;
  }
}
