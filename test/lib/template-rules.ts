import * as z from 'zod/mini';
import { type CloudFormationTemplate, type Resource, resourcesOf } from './template.ts';

/** A rule over all resources: gives a sentence for each violation, none when all is well. */
export type TemplateRule = (template: CloudFormationTemplate) => readonly string[];

/** One sentence per resource of the type that does not satisfy. */
function everyOne(type: string, message: string, isGood: (resource: Resource, id: string) => boolean): TemplateRule {
  return (template) => resourcesOf(template, type).flatMap(([id, resource]) => (isGood(resource, id) ? [] : [`${id} ${message}`]));
}

const text = (value: unknown): string => JSON.stringify(value) ?? '';
const isWithin = (value: unknown, min: number, max: number): boolean => typeof value === 'number' && value >= min && value <= max;

/** The CDK's function for custom resources is not made by our construct. */
const isOurs = (resource: Resource): boolean => resource.Properties['Handler'] === 'index.handler';

const queuesAreEncrypted = everyOne('AWS::SQS::Queue', 'is not encrypted', ({ Properties }) => Properties['SqsManagedSseEnabled'] === true);

/** A queue that only holds what failed elsewhere needs none of its own; `rejected` is emptied by a person, the watchdog's mailbox is read by nobody. */
const holdsFailures = /DeadLetters|Rejected|HeartbeatMailbox/;
const queuesHaveDeadLetters: TemplateRule = (template) =>
  everyOne(
    'AWS::SQS::Queue',
    'has no dead-letter queue',
    ({ Properties }, id) => holdsFailures.test(id) || Properties['RedrivePolicy'] !== undefined,
  )(template);

const queuesKeepLong = everyOne('AWS::SQS::Queue', 'forgets before 14 days', ({ Properties }) => Properties['MessageRetentionPeriod'] === 14 * 86_400);

const policySchema = z.object({ Statement: z.array(z.record(z.string(), z.unknown())) });

/** Every queue and topic has a policy that denies what comes without TLS. */
const onlyTls: TemplateRule = (template) => {
  const policies = [...resourcesOf(template, 'AWS::SQS::QueuePolicy'), ...resourcesOf(template, 'AWS::SNS::TopicPolicy')].map(
    ([, { Properties }]) => Properties,
  );
  const denying = policies.filter(({ PolicyDocument }) => text(PolicyDocument).includes('"aws:SecureTransport":"false"'));
  const covered = text(denying.map(({ Queues, Topics }) => [Queues, Topics]));
  const named = [...resourcesOf(template, 'AWS::SQS::Queue'), ...resourcesOf(template, 'AWS::SNS::Topic')];
  return named.filter(([id]) => !covered.includes(`"${id}"`)).map(([id]) => `${id} can be used without TLS`);
};

const functionsUseOurRuntime = everyOne(
  'AWS::Lambda::Function',
  'does not run on nodejs24.x, arm64',
  (resource) => !isOurs(resource) || (resource.Properties['Runtime'] === 'nodejs24.x' && text(resource.Properties['Architectures']) === '["arm64"]'),
);
const functionsAreBounded = everyOne(
  'AWS::Lambda::Function',
  'has no limit of time or memory',
  (resource) => !isOurs(resource) || (isWithin(resource.Properties['Timeout'], 1, 300) && isWithin(resource.Properties['MemorySize'], 128, 1024)),
);
const functionsAreTraced = everyOne(
  'AWS::Lambda::Function',
  'is not traced',
  (resource) => !isOurs(resource) || text(resource.Properties['TracingConfig']) === '{"Mode":"Active"}',
);
const loggingSchema = z.object({ LogGroup: z.object({ Ref: z.string() }) });
const functionsHaveLogGroups: TemplateRule = (template) => {
  const logGroups = new Set(resourcesOf(template, 'AWS::Logs::LogGroup').map(([id]) => id));
  const hasOne = ({ Properties }: Resource) => logGroups.has(z.safeParse(loggingSchema, Properties['LoggingConfig']).data?.LogGroup.Ref ?? '');
  return everyOne('AWS::Lambda::Function', 'has no log group of its own', hasOne)(template);
};
/** A new account has ten concurrent executions in all; reserving some makes its first deploy fail. */
const functionsReserveNothing = everyOne(
  'AWS::Lambda::Function',
  'reserves concurrency',
  ({ Properties }) => Properties['ReservedConcurrentExecutions'] === undefined,
);
const logGroupsForget = everyOne('AWS::Logs::LogGroup', 'keeps logs for ever', ({ Properties }) => isWithin(Properties['RetentionInDays'], 1, 400));

const sourcesAreBounded = everyOne(
  'AWS::Lambda::EventSourceMapping',
  'may take all concurrent executions or loses partial batches',
  ({ Properties }) =>
    isWithin(z.safeParse(z.object({ MaximumConcurrency: z.number() }), Properties['ScalingConfig']).data?.MaximumConcurrency, 2, 5) &&
    text(Properties['FunctionResponseTypes']) === '["ReportBatchItemFailures"]',
);

const versionsStay = everyOne('AWS::Lambda::Version', 'would vanish under a running repair', ({ DeletionPolicy }) => DeletionPolicy === 'Retain');

const topicsUseOurKey: TemplateRule = (template) => {
  const keys = resourcesOf(template, 'AWS::KMS::Key').map(([id]) => `{"Fn::GetAtt":["${id}","Arn"]}`);
  return everyOne('AWS::SNS::Topic', 'is not under the customer key', ({ Properties }) => keys.includes(text(Properties['KmsMasterKeyId'])))(template);
};

const tablesAreSafe = everyOne(
  'AWS::DynamoDB::Table',
  'lacks point-in-time recovery, deletion protection, expiry or retention',
  ({ Properties, DeletionPolicy, UpdateReplacePolicy }) =>
    text(Properties['PointInTimeRecoverySpecification']).includes('"PointInTimeRecoveryEnabled":true') &&
    Properties['DeletionProtectionEnabled'] === true &&
    text(Properties['TimeToLiveSpecification']) === '{"AttributeName":"expiresAt","Enabled":true}' &&
    Properties['BillingMode'] === 'PAY_PER_REQUEST' &&
    DeletionPolicy === 'Retain' &&
    UpdateReplacePolicy === 'Retain',
);

const schedulesGiveUp = everyOne('AWS::Scheduler::Schedule', 'tries for ever or loses what failed', ({ Properties }) =>
  /"DeadLetterConfig":.*"MaximumRetryAttempts":[1-9]/.test(text(Properties['Target'])),
);

const rulesKeepWhatFailed = everyOne('AWS::Events::Rule', 'loses events that it cannot deliver', ({ Properties }) =>
  text(Properties['Targets']).includes('"DeadLetterConfig"'),
);

const statementSchema = z.object({
  Effect: z.string(),
  Action: z.union([z.string(), z.array(z.string())]),
  Resource: z.optional(z.unknown()),
  Condition: z.optional(z.record(z.string(), z.unknown())),
});
export type Statement = z.infer<typeof statementSchema>;

/** Every statement of every role, with the id of its policy. */
export function roleStatements(template: CloudFormationTemplate): readonly (readonly [string, Statement])[] {
  const policies = [...resourcesOf(template, 'AWS::IAM::Policy'), ...resourcesOf(template, 'AWS::IAM::ManagedPolicy')];
  return policies.flatMap(([id, { Properties }]) =>
    policySchema.parse(Properties['PolicyDocument']).Statement.map((statement) => [id, statementSchema.parse(statement)] as const),
  );
}

export function actionsOf({ Action }: Statement): readonly string[] {
  return typeof Action === 'string' ? [Action] : Action;
}

const isRead = (action: string): boolean => /^[a-z0-9-]+:(Describe|Get|List|Query|BatchGet)[A-Za-z]*$/.test(action);

/** Calls that change something and have no resource to name, each with the page that says so. */
const unscopable: Readonly<Record<string, string>> = {
  'xray:PutTraceSegments': 'https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html',
  'xray:PutTelemetryRecords': 'https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html',
  'logs:CreateLogDelivery': 'https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html',
  'logs:UpdateLogDelivery': 'https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html',
  'logs:DeleteLogDelivery': 'https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html',
  'logs:PutResourcePolicy': 'https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html',
};

const isWildcardResource = (resource: unknown): boolean => (Array.isArray(resource) ? resource.includes('*') : resource === '*');

const noMutatingWildcard: TemplateRule = (template) =>
  roleStatements(template).flatMap(([id, statement]) => {
    const actions = actionsOf(statement);
    const loose = actions.filter((action) => action.includes('*')).map((action) => `${id} allows ${action}`);
    if (!isWildcardResource(statement.Resource)) return loose;
    const changing = actions.filter((action) => !isRead(action) && !(action in unscopable) && !action.includes('*'));
    return [...loose, ...changing.map((action) => `${id} allows ${action} on every resource`)];
  });

const isOpen = (principal: unknown): boolean => principal === '*' || text(principal) === '{"AWS":"*"}';
const nothingIsPublic: TemplateRule = (template) =>
  [...resourcesOf(template, 'AWS::SQS::QueuePolicy'), ...resourcesOf(template, 'AWS::SNS::TopicPolicy')].flatMap(([id, { Properties }]) =>
    policySchema
      .parse(Properties['PolicyDocument'])
      .Statement.filter(({ Effect, Principal }) => Effect === 'Allow' && isOpen(Principal))
      .map(() => `${id} lets everybody in`),
  );

/** Whole roles of AWS hold more than we need and grow without us. */
const noManagedPolicies = everyOne(
  'AWS::IAM::Role',
  'uses a policy that AWS manages',
  ({ Properties }) => !text(Properties['ManagedPolicyArns'] ?? []).includes(':iam::aws:policy'),
);

/** An account id, but not a part of a hash or of a longer number. */
const noAccountId: TemplateRule = (template) => {
  const found = JSON.stringify(template).match(/(?<![0-9A-Za-z])\d{12}(?![0-9A-Za-z])/g) ?? [];
  return found.map((id) => `The template names the account ${id}`);
};

/** A phone number in E.164. */
const noPhoneNumber: TemplateRule = (template) =>
  (JSON.stringify(template).match(/\+[1-9]\d{7,14}/g) ?? []).map((number) => `The template holds the phone number ${number}`);

/** Types that make MiniStack 1.5.33 refuse a whole template; what needs one belongs in the console stack. */
const refusedLocally =
  /^AWS::(CloudWatch::CompositeAlarm|Events::(Archive|Connection|EventBusPolicy)|StepFunctions::(StateMachineAlias|StateMachineVersion|Activity)|SSM::(Document|Association)|ImageBuilder::|CodeDeploy::|CloudTrail::|Config::|Budgets::|DLM::|Synthetics::|XRay::|ResourceGroups::|Logs::QueryDefinition|EC2::Instance$|ApplicationSignals::|Chatbot::)/;
const runsLocally: TemplateRule = ({ Resources }) =>
  Object.entries(Resources)
    .filter(([, { Type }]) => refusedLocally.test(Type))
    .map(([id, { Type }]) => `${id} is a ${Type}, which the local AWS refuses`);

/** Rules for both stacks. */
export const everywhere = {
  'queues are encrypted': queuesAreEncrypted,
  'queues have dead letters or hold some': queuesHaveDeadLetters,
  'queues keep 14 days': queuesKeepLong,
  'queues and topics want TLS': onlyTls,
  'functions run on our runtime': functionsUseOurRuntime,
  'functions are bounded': functionsAreBounded,
  'functions are traced': functionsAreTraced,
  'functions have log groups': functionsHaveLogGroups,
  'functions reserve no concurrency': functionsReserveNothing,
  'log groups forget': logGroupsForget,
  'event sources are bounded': sourcesAreBounded,
  'function versions stay': versionsStay,
  'topics are under our key': topicsUseOurKey,
  'tables are safe': tablesAreSafe,
  'schedules give up': schedulesGiveUp,
  'rules keep what failed': rulesKeepWhatFailed,
  'nothing may be changed everywhere': noMutatingWildcard,
  'nothing is public': nothingIsPublic,
  'no policies of AWS': noManagedPolicies,
  'no account id': noAccountId,
  'no phone number': noPhoneNumber,
} as const satisfies Record<string, TemplateRule>;

/** Rules for the main stack only. */
export const mainOnly = { 'the local AWS takes it': runsLocally } as const satisfies Record<string, TemplateRule>;
