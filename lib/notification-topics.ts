import { Aws, CfnDynamicReference, CfnDynamicReferenceService } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { CfnSubscription, LoggingProtocol, Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { CompiledCatalog } from '../core/catalog/schema.ts';
import { present } from '../core/environment/present.ts';
import { arnOf } from './permissions/catalog-scope.ts';
import { grant, permission } from './permissions/permission.ts';
import { topicNames, wantedSubscriptions, type WantedSubscription } from '../core/incidents/fan-out/subscriptions.ts';
import type { Severity } from '../core/signals/signal.ts';

/** Services that publish to encrypted topics of ours; each needs the key and, because the topics have policies of their own, the topic. */
const publishingServices = ['cloudwatch.amazonaws.com', 'events.amazonaws.com'] as const;

/**
 * One topic per severity, and `platform` for what Perennial has to say about itself: its own alarms go straight to people,
 * never back into its queue (design.md section 2).
 */
export class NotificationTopics extends Construct {
  readonly key: Key;
  readonly bySeverity: Readonly<Record<Severity, Topic>>;
  readonly platform: Topic;
  readonly #feedback: Role;

  constructor(scope: Construct, id: string, catalog: Routed) {
    super(scope, id);
    this.key = new Key(this, 'Key', { description: "Perennial's topics", enableKeyRotation: true });
    this.key.addToResourcePolicy(this.#useByServices());
    this.#feedback = this.#addFeedbackRole();
    this.bySeverity = {
      critical: this.addTopic('Critical', 'Perennial critical'),
      high: this.addTopic('High', 'Perennial high'),
      warning: this.addTopic('Warning', 'Perennial warning'),
      info: this.addTopic('Info', 'Perennial info'),
    };
    this.platform = this.addTopic('Platform', 'Perennial itself');
    allowServices(this.platform);
    this.#subscribe(catalog);
  }

  /** A topic under the customer key; CloudWatch cannot publish to one under the key that AWS manages. */
  addTopic(id: string, displayName: string): Topic {
    const topic = new Topic(this, id, { displayName, masterKey: this.key, enforceSSL: true });
    // Of what SNS can log, these are our subscribers; it has no delivery status for mail, and one for SMS only for the whole account.
    topic.addLoggingConfig({ protocol: LoggingProtocol.HTTP, failureFeedbackRole: this.#feedback });
    return topic;
  }

  /** Why a delivery failed: https://docs.aws.amazon.com/sns/latest/dg/msg-status-cloudformation.html; SNS chooses the names of the log groups. */
  #addFeedbackRole(): Role {
    const assumedBy = new ServicePrincipal('sns.amazonaws.com', { conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } } });
    const role = new Role(this, 'FeedbackRole', { assumedBy, description: 'Lets SNS log the deliveries that failed' });
    const logs = permission(
      {
        sid: 'LogFailedDeliveries',
        actions: ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:PutLogEvents', 'logs:PutMetricFilter', 'logs:PutRetentionPolicy'],
        resources: [arnOf('logs', 'log-group:sns/*')],
      },
      'SNS names a log group after each topic.',
    );
    grant(role, [logs]);
    return role;
  }

  /** https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html: a publishing service needs exactly these two actions. */
  #useByServices(): PolicyStatement {
    return new PolicyStatement({
      sid: 'PublishingServicesUseTheKey',
      principals: publishingServices.map((service) => new ServicePrincipal(service)),
      actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
      resources: ['*'], // in a key's policy this is the key itself
      conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
    });
  }

  #subscribe(catalog: Routed): void {
    const wanted = wantedSubscriptions(catalog);
    for (const topic of topicNames) {
      const here = wanted.filter((one) => one.topic === topic);
      if (here.length > MAX_SUBSCRIPTIONS)
        throw new TypeError(
          `The topic ${topic} would have ${here.length} subscriptions; SNS filters at most ${MAX_SUBSCRIPTIONS}. Let teams share addresses or channels.`,
        );
      for (const one of here) subscribe(topic === 'platform' ? this.platform : this.bySeverity[topic], one);
    }
  }
}

type Routed = Pick<CompiledCatalog, 'systems' | 'routes'>;

/** https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html: 200 filter policies a topic; a few stay for the mailbox of the heartbeat and what is subscribed by hand. */
const MAX_SUBSCRIPTIONS = 190;

/** CloudWatch and EventBridge of this account may publish; nobody else's. */
export function allowServices(topic: Topic): void {
  topic.addToResourcePolicy(
    new PolicyStatement({
      sid: 'AlarmsAndEventsOfThisAccount',
      principals: publishingServices.map((service) => new ServicePrincipal(service)),
      actions: ['sns:Publish'],
      resources: [topic.topicArn],
      conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
    }),
  );
}

function subscribe(topic: Topic, wanted: WantedSubscription): void {
  const { channel, address } = wanted;
  const filter = wanted.topic === 'platform' ? platformFilter(wanted) : { FilterPolicy: { channels: [channel], ...present({ roles: wanted.roles }) } };
  new CfnSubscription(topic, `To ${channel} ${address}`.replaceAll('/', '.'), {
    topicArn: topic.topicArn,
    protocol: channel,
    endpoint: endpointOf(wanted),
    filterPolicy: filter.FilterPolicy,
    filterPolicyScope: filter.FilterPolicyScope,
  });
}

/** CloudFormation reads a phone's number at deploy; it is in no template and no stack description. */
function endpointOf({ channel, address }: WantedSubscription): string {
  return channel === 'sms' ? new CfnDynamicReference(CfnDynamicReferenceService.SSM, address).toString() : address;
}

/** Our alarms carry no attributes. A phone only wakes its owner for a critical one that has just gone off. */
function platformFilter({ channel }: WantedSubscription): { readonly FilterPolicy?: object; readonly FilterPolicyScope?: string } {
  if (channel !== 'sms') return {};
  return { FilterPolicyScope: 'MessageBody', FilterPolicy: { NewStateValue: ['ALARM'], AlarmDescription: [{ prefix: '[critical]' }] } };
}
