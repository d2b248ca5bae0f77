import { Aws, CfnDynamicReference, CfnDynamicReferenceService } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { CfnSubscription, Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { type NotificationRoute, type RouteTarget, severities } from '../core/catalog/schema.ts';
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

  constructor(scope: Construct, id: string, routes: readonly NotificationRoute[]) {
    super(scope, id);
    this.key = new Key(this, 'Key', { description: "Perennial's topics", enableKeyRotation: true });
    this.key.addToResourcePolicy(this.#useByServices());
    this.bySeverity = {
      critical: this.addTopic('Critical', 'Perennial critical'),
      high: this.addTopic('High', 'Perennial high'),
      warning: this.addTopic('Warning', 'Perennial warning'),
      info: this.addTopic('Info', 'Perennial info'),
    };
    this.platform = this.addTopic('Platform', 'Perennial itself');
    allowServices(this.platform);
    this.#subscribe(routes);
  }

  /** A topic under the customer key; CloudWatch cannot publish to one under the key that AWS manages. */
  addTopic(id: string, displayName: string): Topic {
    return new Topic(this, id, { displayName, masterKey: this.key, enforceSSL: true });
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

  #subscribe(routes: readonly NotificationRoute[]): void {
    for (const severity of severities) {
      const targets = targetsOf(routes.filter((route) => route.spec.severities.includes(severity)));
      for (const target of targets) subscribe(this.bySeverity[severity], target, { FilterPolicy: { channels: [target.channel] } });
    }
    const onCall = targetsOf(routes.filter((route) => route.spec.severities.some((severity) => severity === 'critical' || severity === 'high')));
    for (const target of onCall) subscribe(this.platform, target, platformFilter(target));
  }
}

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

interface Target {
  readonly channel: 'email' | 'sms' | 'https';
  readonly endpoint: string;
  /** Names the subscription in the template; never a phone number. */
  readonly name: string;
}

/** Two routes may name the same address; it is subscribed once. */
function targetsOf(routes: readonly NotificationRoute[]): readonly Target[] {
  const targets = routes.flatMap((route) => route.spec.to.map(targetOf));
  return [...new Map(targets.map((target) => [target.name, target])).values()];
}

function targetOf(target: RouteTarget): Target {
  if ('email' in target) return { channel: 'email', endpoint: target.email, name: `email ${target.email}` };
  if ('https' in target) return { channel: 'https', endpoint: target.https, name: `https ${target.https}` };
  // CloudFormation reads the number at deploy; it is in no template and no stack description.
  const reference = new CfnDynamicReference(CfnDynamicReferenceService.SSM, target.smsParameter);
  return { channel: 'sms', endpoint: reference.toString(), name: `sms ${target.smsParameter}` };
}

function subscribe(topic: Topic, target: Target, filter: { readonly FilterPolicy?: object; readonly FilterPolicyScope?: string }): void {
  new CfnSubscription(topic, `To ${target.name.replaceAll('/', '.')}`, {
    topicArn: topic.topicArn,
    protocol: target.channel,
    endpoint: target.endpoint,
    filterPolicy: filter.FilterPolicy,
    filterPolicyScope: filter.FilterPolicyScope,
  });
}

/** Our alarms carry no attributes. A phone only wakes its owner for a critical one that has just gone off. */
function platformFilter(target: Target): { readonly FilterPolicy?: object; readonly FilterPolicyScope?: string } {
  if (target.channel !== 'sms') return {};
  return { FilterPolicyScope: 'MessageBody', FilterPolicy: { NewStateValue: ['ALARM'], AlarmDescription: [{ prefix: '[critical]' }] } };
}
