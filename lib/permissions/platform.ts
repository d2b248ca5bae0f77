import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { NotificationTopics } from '../notification-topics.ts';
import { type Permission, permission } from './permission.ts';

/** Reads and conditional writes; nobody deletes a record (`core/records/store.ts`). */
export function recordPermissions(table: ITable): readonly Permission[] {
  return [
    permission({ sid: 'Records', actions: ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:Query'], resources: [table.tableArn] }),
    permission({ sid: 'Lists', actions: ['dynamodb:Query'], resources: [`${table.tableArn}/index/lists`] }),
  ];
}

/** https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html: publishing to an encrypted topic takes both actions on its key. */
export function publishPermissions(topics: NotificationTopics): readonly Permission[] {
  const arns = Object.values(topics.bySeverity).map((topic) => topic.topicArn);
  return [
    permission({ sid: 'Notify', actions: ['sns:Publish'], resources: arns }),
    permission({ sid: 'NotifyEncrypted', actions: ['kms:Decrypt', 'kms:GenerateDataKey'], resources: [topics.key.keyArn] }),
  ];
}

/** The sweep compares what is subscribed with the catalog. */
export function subscriptionReads(topics: NotificationTopics): readonly Permission[] {
  const arns = [...Object.values(topics.bySeverity), topics.platform].map((topic) => topic.topicArn);
  return [permission({ sid: 'ReadSubscriptions', actions: ['sns:ListSubscriptionsByTopic'], resources: arns })];
}

export function sendPermissions(sid: string, ...queues: readonly IQueue[]): readonly Permission[] {
  return [permission({ sid, actions: ['sqs:SendMessage'], resources: queues.map((queue) => queue.queueArn) })];
}
