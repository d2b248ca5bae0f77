import { App, Stack } from 'aws-cdk-lib';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { describe, expect, it } from 'vitest';
import { parseTemplate, synthesise } from './template.ts';
import { everywhere, mainOnly, type TemplateRule } from './template-rules.ts';

const { main, console, monitoring } = synthesise();

describe('rules over all resources', () => {
  it.each(Object.entries<TemplateRule>({ ...everywhere, ...mainOnly }))('main stack: %s', (_name, rule) => {
    expect(rule(parseTemplate(main.template))).toEqual([]);
  });

  it.each(Object.entries<TemplateRule>(everywhere))('console stack: %s', (_name, rule) => {
    expect(rule(parseTemplate(console.template))).toEqual([]);
  });

  it.each(Object.entries<TemplateRule>(everywhere))('monitoring stack: %s', (_name, rule) => {
    expect(rule(parseTemplate(monitoring.template))).toEqual([]);
  });

  it('had something to look at', () => {
    const types = new Set(Object.values(parseTemplate(main.template).Resources).map(({ Type }) => Type));
    for (const type of [
      'AWS::SQS::Queue',
      'AWS::SNS::Topic',
      'AWS::Lambda::Function',
      'AWS::Lambda::Version',
      'AWS::DynamoDB::Table',
      'AWS::IAM::Policy',
      'AWS::Scheduler::Schedule',
    ]) {
      expect(types).toContain(type);
    }
  });

  it('gives identical templates for two synths of one commit (S1-07)', () => {
    const again = synthesise();
    expect(JSON.stringify(again.main.template)).toBe(JSON.stringify(main.template));
    expect(JSON.stringify(again.console.template)).toBe(JSON.stringify(console.template));
  });
});

interface Planted {
  readonly type: string;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly rule: TemplateRule;
  readonly says: string;
}

const policyWith = (statement: Readonly<Record<string, unknown>>) => ({
  PolicyName: 'planted',
  Roles: ['planted'],
  PolicyDocument: { Version: '2012-10-17', Statement: [{ Effect: 'Allow', ...statement }] },
});

const all = { ...everywhere, ...mainOnly };

const plantedViolations: readonly Planted[] = [
  { type: 'AWS::SQS::Queue', properties: {}, rule: all['queues are encrypted'], says: 'Planted is not encrypted' },
  {
    type: 'AWS::SQS::Queue',
    properties: { SqsManagedSseEnabled: true },
    rule: all['queues have dead letters or hold some'],
    says: 'Planted has no dead-letter queue',
  },
  { type: 'AWS::SQS::Queue', properties: { MessageRetentionPeriod: 60 }, rule: all['queues keep 14 days'], says: 'Planted forgets before 14 days' },
  { type: 'AWS::SNS::Topic', properties: {}, rule: all['queues and topics want TLS'], says: 'Planted can be used without TLS' },
  {
    type: 'AWS::SNS::Topic',
    properties: { KmsMasterKeyId: 'alias/aws/sns' },
    rule: all['topics are under our key'],
    says: 'Planted is not under the customer key',
  },
  {
    type: 'AWS::Lambda::Function',
    properties: { Handler: 'index.handler', Runtime: 'nodejs20.x' },
    rule: all['functions run on our runtime'],
    says: 'Planted does not run on nodejs24.x, arm64',
  },
  {
    type: 'AWS::Lambda::Function',
    properties: { Handler: 'index.handler', Timeout: 900 },
    rule: all['functions are bounded'],
    says: 'Planted has no limit of time or memory',
  },
  { type: 'AWS::Lambda::Function', properties: { Handler: 'index.handler' }, rule: all['functions are traced'], says: 'Planted is not traced' },
  {
    type: 'AWS::Lambda::Function',
    properties: { Handler: 'other.handler' },
    rule: all['functions have log groups'],
    says: 'Planted has no log group of its own',
  },
  {
    type: 'AWS::Lambda::Function',
    properties: { ReservedConcurrentExecutions: 1 },
    rule: all['functions reserve no concurrency'],
    says: 'Planted reserves concurrency',
  },
  { type: 'AWS::Logs::LogGroup', properties: {}, rule: all['log groups forget'], says: 'Planted keeps logs for ever' },
  {
    type: 'AWS::Lambda::EventSourceMapping',
    properties: { ScalingConfig: { MaximumConcurrency: 50 } },
    rule: all['event sources are bounded'],
    says: 'Planted may take all',
  },
  { type: 'AWS::Lambda::Version', properties: {}, rule: all['function versions stay'], says: 'Planted would vanish' },
  { type: 'AWS::DynamoDB::Table', properties: { BillingMode: 'PAY_PER_REQUEST' }, rule: all['tables are safe'], says: 'Planted lacks point-in-time recovery' },
  { type: 'AWS::Scheduler::Schedule', properties: { Target: {} }, rule: all['schedules give up'], says: 'Planted tries for ever' },
  { type: 'AWS::Events::Rule', properties: { Targets: [{}] }, rule: all['rules keep what failed'], says: 'Planted loses events' },
  {
    type: 'AWS::IAM::Policy',
    properties: policyWith({ Action: ['ec2:DescribeInstances', 'ec2:TerminateInstances'], Resource: '*' }),
    rule: all['nothing may be changed everywhere'],
    says: 'Planted allows ec2:TerminateInstances on every resource',
  },
  {
    type: 'AWS::IAM::Policy',
    properties: policyWith({ Action: 'ec2:*', Resource: 'arn' }),
    rule: all['nothing may be changed everywhere'],
    says: 'Planted allows ec2:*',
  },
  {
    type: 'AWS::SQS::QueuePolicy',
    properties: { PolicyDocument: { Statement: [{ Effect: 'Allow', Principal: { AWS: '*' }, Action: 'sqs:SendMessage' }] } },
    rule: all['nothing is public'],
    says: 'Planted lets everybody in',
  },
  {
    type: 'AWS::IAM::Role',
    properties: { ManagedPolicyArns: ['arn:aws:iam::aws:policy/AdministratorAccess'] },
    rule: all['no policies of AWS'],
    says: 'Planted uses a policy that AWS manages',
  },
  {
    type: 'AWS::SSM::Parameter',
    properties: { Value: 'arn:aws:sns:eu-central-1:123456789012:x' },
    rule: all['no account id'],
    says: 'The template names the account',
  },
  { type: 'AWS::SNS::Subscription', properties: { Endpoint: '+491701234567' }, rule: all['no phone number'], says: 'The template holds the phone number' },
  { type: 'AWS::SSM::Document', properties: {}, rule: all['the local AWS takes it'], says: 'Planted is a AWS::SSM::Document' },
];

describe('each rule has been seen to fail', () => {
  it.each(plantedViolations)('reports: $says', ({ type, properties, rule, says }) => {
    const template = parseTemplate({ Resources: { Planted: { Type: type, Properties: properties } } });
    expect(rule(template).join('\n')).toContain(says);
  });

  it('also in a template that the CDK made', () => {
    const app = new App();
    new Queue(new Stack(app, 'Stack'), 'Planted');
    const template = parseTemplate(app.synth().getStackByName('Stack').template);
    const found = Object.values<TemplateRule>(all).flatMap((rule) => rule(template));
    expect(found.map((sentence) => sentence.replace(/^\S+ /, ''))).toEqual([
      'is not encrypted',
      'has no dead-letter queue',
      'forgets before 14 days',
      'can be used without TLS',
    ]);
  });

  it('covers every rule', () => {
    expect(new Set(plantedViolations.map(({ rule }) => rule))).toEqual(new Set(Object.values(all)));
  });
});
