import { type AutoScalingClient, DescribeAutoScalingInstancesCommand } from '@aws-sdk/client-auto-scaling';
import {
  DescribeInstancesCommand,
  DescribeInstanceStatusCommand,
  type EC2Client,
  type Filter,
  paginateDescribeInstances,
  paginateDescribeInstanceStatus,
} from '@aws-sdk/client-ec2';
import { PermanentError } from '../../core/environment/errors.ts';
import type { InventoryReader } from '../../core/inventory/ports.ts';
import type { InstanceFacts, InstanceReader, InstanceStatus } from '../../core/remediation/ports.ts';
import { callAws, codeOf, toPortError } from '../platform/aws-errors.ts';
import { factsOf, statusOf } from './instance-facts.ts';

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html: the only codes that mean "no such instance". */
export const absentCodes: readonly string[] = ['InvalidInstanceID.NotFound', 'InvalidInstanceID.Malformed'];

/** Terminated instances are listed for about an hour; nobody asks for them. */
const existing: Filter = { Name: 'instance-state-name', Values: ['pending', 'running', 'shutting-down', 'stopping', 'stopped'] };

const MAX_TAGGED = 50;
const MAX_PAGES = 200;

/** Gives `undefined` for AWS's own "there is no such thing"; everything else is thrown as a port error. */
export async function absentOr<Value>(action: string, codes: readonly string[], call: () => Promise<Value>): Promise<Value | undefined> {
  try {
    return await call();
  } catch (error) {
    if (codes.includes(codeOf(error) ?? '')) return undefined;
    throw toPortError(error, action);
  }
}

export function createInstanceReader(ec2: EC2Client, autoScaling: AutoScalingClient): InstanceReader {
  return {
    read: (instanceId) => readInstance(ec2, instanceId),
    readStatus: (instanceId) => readStatus(ec2, instanceId),
    findByTag: (key, value) => findByTag(ec2, key, value),
    isGroupMember: async (instanceId) => {
      const answer = await callAws(`ask whether ${instanceId} is in an Auto Scaling group`, () =>
        autoScaling.send(new DescribeAutoScalingInstancesCommand({ InstanceIds: [instanceId] })),
      );
      return (answer.AutoScalingInstances ?? []).length > 0;
    },
  };
}

async function readInstance(ec2: EC2Client, instanceId: string): Promise<InstanceFacts | undefined> {
  const answer = await absentOr(`describe ${instanceId}`, absentCodes, () => ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] })));
  const instance = answer?.Reservations?.[0]?.Instances?.[0];
  return instance === undefined ? undefined : factsOf(instance);
}

async function readStatus(ec2: EC2Client, instanceId: string): Promise<InstanceStatus | undefined> {
  const answer = await absentOr(`read the status of ${instanceId}`, absentCodes, () =>
    ec2.send(new DescribeInstanceStatusCommand({ InstanceIds: [instanceId] })),
  );
  const status = answer?.InstanceStatuses?.[0];
  return status === undefined ? undefined : statusOf(status);
}

/** Filter values know wildcards; a backslash takes them literally (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html). */
const literally = (value: string): string => value.replaceAll(/[\\*?]/g, String.raw`\$&`);

async function findByTag(ec2: EC2Client, key: string, value: string): Promise<readonly InstanceFacts[]> {
  return callAws(`find instances tagged ${key}=${value}`, async () => {
    const found: InstanceFacts[] = [];
    const pages = paginateDescribeInstances(
      { client: ec2 },
      { Filters: [{ Name: `tag:${key}`, Values: [literally(value)] }, existing], MaxResults: MAX_TAGGED },
    );
    for await (const page of pages) {
      found.push(...(page.Reservations ?? []).flatMap((reservation) => (reservation.Instances ?? []).map(factsOf)));
      if (found.length > MAX_TAGGED * MAX_PAGES) throw new PermanentError(`More than ${MAX_TAGGED * MAX_PAGES} instances are tagged ${key}=${value}.`);
    }
    return found;
  });
}

/** The whole fleet, page by page: always paginated, which EC2 throttles less (https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html). */
export function createInventoryReader(ec2: EC2Client): InventoryReader {
  return {
    async *listInstances() {
      const pages = paginateDescribeInstances({ client: ec2 }, { Filters: [existing], MaxResults: 1000 });
      for await (const page of mapped(pages, 'list the instances')) {
        yield (page.Reservations ?? []).flatMap((reservation) => (reservation.Instances ?? []).map(factsOf));
      }
    },
    async *listStatuses() {
      const pages = paginateDescribeInstanceStatus({ client: ec2 }, { MaxResults: 1000 });
      for await (const page of mapped(pages, 'list the status checks')) yield (page.InstanceStatuses ?? []).map(statusOf);
    },
  };
}

async function* mapped<Page>(pages: AsyncIterable<Page>, action: string): AsyncIterable<Page> {
  try {
    yield* pages;
  } catch (error) {
    throw toPortError(error, action);
  }
}
