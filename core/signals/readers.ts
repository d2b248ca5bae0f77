import * as z from 'zod/mini';
import { deployEventDetailSchema } from '../deployments/record.ts';
import { readAlarmDetail } from './alarm.ts';
import { type BusEvent, type DetailReader, type Reading, accountIdSchema, instanceIdSchema, labelSchema, reader, scopeOfRegion } from './envelope.ts';
import type { Subject } from './signal.ts';
import { type DetailType, outcomesOf } from './table.ts';

/* One reader per row of the table: which case it is, whom it concerns, and one plain sentence. */

/** The value that tells the cases of a row apart. */
function caseOf(detailType: DetailType): z.ZodMiniEnum<Record<string, string>> {
  return z.enum(Object.fromEntries(outcomesOf(detailType).map((name) => [name, name])));
}

const noteSchema = z.optional(z.string());

/** A quoted explanation at the end of a sentence; nothing when there is none. */
function because(text: string | undefined): string {
  const said = text?.trim().slice(0, 300) ?? '';
  return said === '' ? '.' : `: ${said}${/[.!?]$/.test(said) ? '' : '.'}`;
}

/* --- EC2 --- */

const stateWords: Readonly<Record<string, string>> = {
  pending: 'is starting',
  running: 'is running',
  stopping: 'is stopping',
  stopped: 'has stopped',
  'shutting-down': 'is shutting down',
  terminated: 'was terminated',
};

const readInstanceState = reader(z.object({ 'instance-id': instanceIdSchema, state: caseOf('EC2 Instance State-change Notification') }), (detail) => {
  const id = detail['instance-id'];
  return [
    {
      outcome: detail.state,
      subject: { type: 'instance', id },
      summary: `Instance ${id} ${stateWords[detail.state] ?? detail.state}.`,
      details: { instanceState: detail.state },
    },
  ];
});

const interruptionWords: Readonly<Record<string, string>> = { hibernate: 'hibernated', stop: 'stopped', terminate: 'terminated' };

const readSpotInterruption = reader(
  z.object({ 'instance-id': instanceIdSchema, 'instance-action': caseOf('EC2 Spot Instance Interruption Warning') }),
  (detail) => {
    const { 'instance-id': id, 'instance-action': action } = detail;
    return [
      {
        outcome: action,
        subject: { type: 'instance', id },
        summary: `Spot instance ${id} will be ${interruptionWords[action] ?? action} by AWS in two minutes.`,
        details: { action },
      },
    ];
  },
);

const readRebalance = reader(z.object({ 'instance-id': instanceIdSchema }), ({ 'instance-id': id }) => [
  { outcome: 'always', subject: { type: 'instance', id }, summary: `Spot instance ${id} is at a higher risk of being interrupted.`, details: {} },
]);

const imageWords: Readonly<Record<string, string>> = {
  pending: 'is being made',
  available: 'is available',
  failed: 'could not be made',
  deregistered: 'was deregistered',
  disabled: 'was disabled',
};

const readImageState = reader(
  z.object({ ImageId: z.string().check(z.regex(/^ami-[0-9a-f]{8,17}$/)), State: caseOf('EC2 AMI State Change'), ErrorMessage: noteSchema }),
  (detail) => [
    {
      outcome: detail.State,
      subject: { type: 'image', id: detail.ImageId },
      summary: `Image ${detail.ImageId} ${imageWords[detail.State] ?? detail.State}${because(detail.ErrorMessage)}`,
      details: { imageState: detail.State, error: detail.ErrorMessage },
    },
  ],
);

/* --- Auto Scaling --- */

const activitySchema = z.object({ AutoScalingGroupName: labelSchema, EC2InstanceId: noteSchema, StatusMessage: noteSchema, Cause: noteSchema });

function activityReader(verb: string, isFailure: boolean): DetailReader {
  return reader(activitySchema, ({ AutoScalingGroupName: group, EC2InstanceId: instanceId, StatusMessage: message, Cause: cause }) => {
    const which = instanceId === undefined || instanceId === '' ? 'an instance' : `instance ${instanceId}`;
    return [
      {
        outcome: 'always',
        subject: { type: 'group', id: group },
        summary: `Auto Scaling group ${group} ${verb} ${which}${because(isFailure ? message : undefined)}`,
        details: { instanceId, message, cause },
      },
    ];
  });
}

const hookSchema = z.object({ AutoScalingGroupName: labelSchema, EC2InstanceId: instanceIdSchema, LifecycleHookName: labelSchema });

function hookReader(before: string): DetailReader {
  return reader(hookSchema, ({ AutoScalingGroupName: group, EC2InstanceId: id, LifecycleHookName: hook }) => [
    {
      outcome: 'always',
      subject: { type: 'instance', id },
      summary: `Auto Scaling group ${group} waits for the hook ${hook} before instance ${id} ${before}.`,
      details: { group, hook },
    },
  ]);
}

const refreshSchema = z.object({
  AutoScalingGroupName: labelSchema,
  InstanceRefreshId: labelSchema,
  CheckpointPercentage: z.optional(z.union([z.string(), z.number()])),
});

function refreshReader(verb: string): DetailReader {
  return reader(refreshSchema, ({ AutoScalingGroupName: group, InstanceRefreshId: refreshId, CheckpointPercentage: percent }) => [
    {
      outcome: 'always',
      subject: { type: 'group', id: group },
      summary: `The instance refresh of Auto Scaling group ${group} ${verb}${percent === undefined ? '' : ` at ${percent} %`}.`,
      details: { refreshId },
    },
  ]);
}

/* --- AWS Health --- */

const healthSchema = z.object({
  service: labelSchema,
  eventTypeCode: labelSchema,
  eventTypeCategory: z.enum(['issue', 'accountNotification', 'scheduledChange', 'investigation']),
  eventScopeCode: noteSchema,
  statusCode: z.optional(z.enum(['open', 'closed', 'upcoming'])),
  eventRegion: noteSchema,
  affectedAccount: z.optional(accountIdSchema),
  eventArn: noteSchema,
  startTime: noteSchema,
  endTime: noteSchema,
  affectedEntities: z._default(z.array(z.object({ entityValue: z.string() })), []),
});
type HealthDetail = z.infer<typeof healthSchema>;

/** An event has at most this many entities on a page, far less in truth; a page more would not fit EventBridge's 256 KB. */
const MAX_ENTITIES = 1000;

function healthCase({ eventTypeCategory: category, statusCode, eventScopeCode }: HealthDetail): string {
  if (category === 'accountNotification') return category;
  if (statusCode === 'closed') return `closed ${category}`;
  return category === 'issue' && eventScopeCode === 'PUBLIC' ? 'open public issue' : `open ${category}`;
}

/** An entity is an id or an ARN that ends with one. */
function subjectOfEntity(entity: string): Subject | undefined {
  const id = entity.slice(-64).split('/').at(-1) ?? '';
  if (/^i-[0-9a-f]{8,17}$/.test(id)) return { type: 'instance', id };
  if (/^vol-[0-9a-f]{8,17}$/.test(id)) return { type: 'volume', id };
  return /^ami-[0-9a-f]{8,17}$/.test(id) ? { type: 'image', id } : undefined;
}

function subjectsOfHealth(detail: HealthDetail, event: BusEvent): readonly Subject[] {
  const named = [...detail.affectedEntities.map(({ entityValue }) => entityValue), ...event.resources].slice(0, MAX_ENTITIES).map(subjectOfEntity);
  const distinct = new Map(named.filter((subject) => subject !== undefined).map((subject) => [subject.id, subject]));
  const account = detail.affectedAccount ?? event.scope.accountId ?? 'this account';
  return distinct.size > 0 ? [...distinct.values()] : [{ type: 'account', id: account }];
}

const healthWords: Readonly<Record<HealthDetail['eventTypeCategory'], string>> = {
  issue: 'an issue',
  accountNotification: 'a notification',
  scheduledChange: 'a scheduled change',
  investigation: 'an investigation',
};

const readHealth = reader(healthSchema, (detail, event): readonly Reading[] => {
  const { affectedAccount, eventTypeCategory: category, service, eventTypeCode: code } = detail;
  const status = category === 'accountNotification' || detail.statusCode === undefined ? '' : ` (${detail.statusCode})`;
  const scope = { ...scopeOfRegion(detail.eventRegion), ...(affectedAccount === undefined ? {} : { accountId: affectedAccount }) };
  return subjectsOfHealth(detail, event).map((subject) => ({
    outcome: healthCase(detail),
    subject,
    summary: `AWS Health reports ${healthWords[category]} of ${service} for ${subject.type} ${subject.id}: ${code}${status}.`,
    rule: code,
    scope,
    details: { service, status: detail.statusCode, eventArn: detail.eventArn, startTime: detail.startTime, endTime: detail.endTime },
  }));
});

/* --- deployments of others --- */

const codeDeployWords: Readonly<Record<string, string>> = {
  START: 'started',
  READY: 'is ready to shift traffic',
  SUCCESS: 'succeeded',
  FAILURE: 'failed',
  STOP: 'was stopped',
};

const readCodeDeploy = reader(
  z.object({
    application: labelSchema,
    deploymentId: labelSchema,
    deploymentGroup: labelSchema,
    state: caseOf('CodeDeploy Deployment State-change Notification'),
  }),
  ({ application, deploymentId, deploymentGroup, state }) => [
    {
      outcome: state,
      subject: { type: 'deployment', id: deploymentId },
      summary: `CodeDeploy deployment ${deploymentId} of ${application} to ${deploymentGroup} ${codeDeployWords[state] ?? state}.`,
      details: { application, deploymentGroup, deploymentState: state },
    },
  ],
);

const pipelineWords: Readonly<Record<string, string>> = {
  STARTED: 'started',
  RESUMED: 'was resumed',
  SUCCEEDED: 'succeeded',
  FAILED: 'failed',
  STOPPING: 'is being stopped',
  STOPPED: 'was stopped',
  CANCELED: 'was cancelled for a newer one',
  SUPERSEDED: 'was overtaken by a newer one',
};

const readPipeline = reader(
  z.object({ pipeline: labelSchema, 'execution-id': labelSchema, state: caseOf('CodePipeline Pipeline Execution State Change') }),
  ({ pipeline, 'execution-id': execution, state }) => [
    {
      outcome: state,
      subject: { type: 'deployment', id: execution },
      summary: `Execution ${execution} of the pipeline ${pipeline} ${pipelineWords[state] ?? state}.`,
      details: { pipeline, deploymentState: state },
    },
  ],
);

/* --- images and executions --- */

const imageBuildWords: Readonly<Record<string, string>> = {
  AVAILABLE: 'is available',
  FAILED: 'failed',
  CANCELLED: 'was cancelled',
  DEPRECATED: 'was deprecated',
  DISABLED: 'was disabled',
  DELETED: 'was deleted',
};

const buildStateSchema = z.object({ status: caseOf('EC2 Image Builder Image State Change'), reason: noteSchema });
const imageArn = /^arn:aws[\w-]*:imagebuilder:[^:]*:[^:]*:image\/([^/]+)(?:\/(.+))?$/;

const readImageBuild: DetailReader = (event) => {
  const [, name, version = ''] = imageArn.exec(event.resources[0] ?? '') ?? [];
  if (name === undefined) return { kind: 'rejected', reason: 'The event is malformed: resources.0 is not the ARN of an image.' };
  return reader(
    z.object({ state: buildStateSchema, 'previous-state': z.optional(z.object({ status: noteSchema })) }),
    ({ state, 'previous-state': previous }) => [
      {
        outcome: state.status,
        subject: { type: 'image', id: name },
        summary: `Build ${version} of the image ${name} ${imageBuildWords[state.status] ?? `is ${state.status.toLowerCase()}`}${because(state.reason)}`,
        details: { version, imageState: state.status, previousState: previous?.status, reason: state.reason },
      },
    ],
  )(event);
};

const executionWords: Readonly<Record<string, string>> = {
  RUNNING: 'is running',
  PENDING_REDRIVE: 'waits to be run again',
  SUCCEEDED: 'succeeded',
  FAILED: 'failed',
  TIMED_OUT: 'timed out',
  ABORTED: 'was aborted',
};

const executionSchema = z.object({
  stateMachineArn: labelSchema,
  name: labelSchema,
  status: z.enum(['RUNNING', 'PENDING_REDRIVE', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED']),
  error: z.nullish(z.string()),
  cause: z.nullish(z.string()),
});

/** Input and output may hold anything and are never read. */
const readExecution = reader(executionSchema, ({ stateMachineArn, name, status, error, cause }) => {
  const machine = stateMachineArn.split(':')[6] ?? stateMachineArn;
  const isOwn = /^perennial/i.test(machine);
  return [
    {
      outcome: isOwn ? `${status}, own` : status,
      subject: { type: 'job', id: isOwn ? name : machine },
      summary: `Execution ${name} of the state machine ${machine} ${executionWords[status] ?? status}${because(error ?? undefined)}`,
      details: { stateMachine: machine, execution: name, executionStatus: status, error: error ?? undefined, cause: cause ?? undefined },
    },
  ];
});

/* --- our own bus and queue --- */

function deployReader(verb: string): DetailReader {
  return reader(deployEventDetailSchema, (detail) => {
    const { system, version, configVersion, commit, previousVersion, deployer, approver, databaseChange, rollbackTested, at } = detail;
    return [
      {
        outcome: 'always',
        subject: { type: 'deployment', id: version === '' ? system : `${system}/${version}` },
        summary: `The deployment of ${system} ${version === '' ? '(no version given)' : version} ${verb}.`,
        at,
        // Actors are masked here; the typed field has them
        details: {
          system,
          version,
          configVersion,
          commit,
          previousVersion,
          deployer,
          approver,
          databaseChange: String(databaseChange),
          rollbackTested: String(rollbackTested),
        },
        deployment: detail,
      },
    ];
  });
}

const troubleSchema = z.object({ instanceId: instanceIdSchema, checks: z._default(z.string(), '') });

function checkReader(text: (id: string, checks: string) => string): DetailReader {
  return reader(troubleSchema, ({ instanceId: id, checks }) => [
    { outcome: 'always', subject: { type: 'instance', id }, summary: text(id, checks), details: { checks: checks === '' ? undefined : checks } },
  ]);
}

/** "system,instance" → "system and instance status check". */
function checkNames(checks: string): string {
  return checks === '' ? 'status check' : `${checks.split(',').join(' and ')} status check`;
}

const retrySchema = z.object({
  instanceId: instanceIdSchema,
  /** Kind and rule of the signal that is repeated; an alarm by the name it has now. */
  kind: caseOf('Repair Retry Due'),
  rule: labelSchema,
  incidentId: labelSchema,
  /** The remediation that ended without success. */
  retryOf: labelSchema,
});

const readRetry = reader(retrySchema, ({ instanceId: id, kind, rule, incidentId, retryOf }) => [
  {
    outcome: kind,
    subject: { type: 'instance', id },
    summary: `Instance ${id} is still in trouble (${rule}); its repair is due again after ${retryOf}.`,
    rule,
    details: { incidentId, retryOf },
  },
]);

const requestSchema = z.object({ by: labelSchema, reason: labelSchema });

const readReplaceRequest = reader(z.extend(requestSchema, { instanceId: instanceIdSchema }), ({ instanceId: id, by, reason }) => [
  {
    outcome: 'always',
    subject: { type: 'instance', id },
    summary: `${by} asks to replace ${id}${because(reason)}`,
    details: {},
    request: { by, reason },
  },
]);

const readRevertRequest = reader(
  z.extend(requestSchema, { instanceId: instanceIdSchema, remediationId: labelSchema }),
  ({ instanceId: id, remediationId, by, reason }) => [
    {
      outcome: 'always',
      subject: { type: 'instance', id },
      summary: `${by} asks to take ${remediationId} back, which put ${id} into service${because(reason)}`,
      details: { remediationId },
      request: { by, reason, remediationId },
    },
  ],
);

const readDrillRequest = reader(z.extend(requestSchema, { system: labelSchema }), ({ system, by, reason }) => [
  {
    outcome: 'always',
    // A subject of its own: what is wrong with the system itself must not share an incident with a drill
    subject: { type: 'check', id: `drill-of-${system}` },
    summary: `Drill of ${system}, asked for by ${by}${because(reason)}`,
    details: { system },
    severity: 'info',
    request: { by, reason },
  },
]);

const burnSchema = z.object({ system: labelSchema, objective: labelSchema, reason: noteSchema });

const readBurning = reader(z.extend(burnSchema, { severity: caseOf('Budget Burning') }), ({ system, objective, severity, reason }) => [
  {
    outcome: severity,
    subject: { type: 'system', id: system },
    summary: `The error budget of ${system} burns too fast for ${objective}${because(reason)}`,
    rule: objective,
    details: { system, objective, reason },
  },
]);

const readBudgetLow = reader(burnSchema, ({ system, objective, reason }) => [
  {
    outcome: 'always',
    subject: { type: 'system', id: system },
    summary: `Little is left of the error budget of ${system} for ${objective}${because(reason)}`,
    rule: objective,
    details: { system, objective, reason },
  },
]);

const readBudgetSpent = reader(burnSchema, ({ system, objective, reason }) => [
  {
    outcome: 'always',
    subject: { type: 'system', id: system },
    summary: `The error budget of ${system} for ${objective} is spent${because(reason)}`,
    rule: objective,
    details: { system, objective, reason },
  },
]);

const recoveredWords: Readonly<Record<string, string>> = { low: 'is no longer low', spent: 'is no longer spent' };

const readBurnOver = reader(z.extend(burnSchema, { alert: z.optional(caseOf('Budget Recovered')) }), ({ system, objective, alert = 'always' }) => [
  {
    outcome: alert,
    subject: { type: 'system', id: system },
    summary: `The error budget of ${system} ${recoveredWords[alert] ?? 'no longer burns too fast'} for ${objective}.`,
    rule: objective,
    details: { system, objective },
  },
]);

/** An objective and one of its policies: what a declared alert is known by. */
function conditionRule(objective: string, policy: string): string {
  return `${objective} ${policy}`;
}

const readCondition = reader(
  z.extend(burnSchema, { severity: caseOf('Budget Condition Met'), policy: labelSchema }),
  ({ system, objective, severity, policy, reason }) => [
    {
      outcome: severity,
      subject: { type: 'system', id: system },
      summary: `The alert ${policy} of ${system} fires for ${objective}${because(reason)}`,
      rule: conditionRule(objective, policy),
      details: { system, objective, policy, reason },
    },
  ],
);

const readConditionOver = reader(z.extend(burnSchema, { policy: labelSchema }), ({ system, objective, policy }) => [
  {
    outcome: 'always',
    subject: { type: 'system', id: system },
    summary: `The alert ${policy} of ${system} no longer fires for ${objective}.`,
    rule: conditionRule(objective, policy),
    details: { system, objective, policy },
  },
]);

/** Whose heartbeat it is, its scope says. */
const readHeartbeat = reader(z.object({}), () => [
  { outcome: 'always', subject: { type: 'account', id: 'perennial' }, summary: 'Heartbeat of Perennial.', details: {} },
]);

const probeSchema = z.object({ check: labelSchema, system: noteSchema, reason: noteSchema, isExternal: z._default(z.boolean(), false) });

const readCheckFailed = reader(probeSchema, ({ check, system, reason, isExternal }) => [
  {
    outcome: isExternal ? 'external' : 'always',
    subject: { type: 'check', id: check },
    summary: `${isExternal ? 'External, run by others: the' : 'The'} check ${check} failed${because(reason)}`,
    rule: check,
    details: { system, reason, ...(isExternal ? { external: 'yes' } : {}) },
  },
]);

const readCheckPassed = reader(probeSchema, ({ check, system }) => [
  { outcome: 'always', subject: { type: 'check', id: check }, summary: `The check ${check} passes again.`, rule: check, details: { system } },
]);

const reportSchema = z.object({
  system: labelSchema,
  severity: caseOf('Trouble Reported'),
  title: labelSchema,
  by: labelSchema,
  isFromCustomer: z._default(z.boolean(), false),
});

const readReport = reader(reportSchema, ({ system, severity, title, by, isFromCustomer }) => [
  {
    outcome: severity,
    subject: { type: 'system', id: system },
    summary: `Reported by a ${isFromCustomer ? 'customer' : 'person'}: ${title}`,
    rule: title,
    details: { system, by, detectedBy: isFromCustomer ? 'customer' : 'person' },
  },
]);

const jobSchema = z.object({ job: labelSchema, system: noteSchema, reason: noteSchema });

function jobReader(verb: string, isFailure: boolean): DetailReader {
  return reader(jobSchema, ({ job, system, reason }) => [
    {
      outcome: 'always',
      subject: { type: 'job', id: job },
      summary: `The job ${job} ${verb}${because(isFailure ? reason : undefined)}`,
      details: { system, reason },
    },
  ]);
}

const readers = {
  'CloudWatch Alarm State Change': readAlarmDetail,
  'EC2 Instance State-change Notification': readInstanceState,
  'EC2 Spot Instance Interruption Warning': readSpotInterruption,
  'EC2 Instance Rebalance Recommendation': readRebalance,
  'EC2 AMI State Change': readImageState,
  'EC2 Instance Launch Successful': activityReader('launched', false),
  'EC2 Instance Launch Unsuccessful': activityReader('could not launch', true),
  'EC2 Instance Terminate Successful': activityReader('terminated', false),
  'EC2 Instance Terminate Unsuccessful': activityReader('could not terminate', true),
  'EC2 Instance-launch Lifecycle Action': hookReader('goes into service'),
  'EC2 Instance-terminate Lifecycle Action': hookReader('is terminated'),
  'EC2 Auto Scaling Instance Refresh Started': refreshReader('started'),
  'EC2 Auto Scaling Instance Refresh Checkpoint Reached': refreshReader('reached a checkpoint'),
  'EC2 Auto Scaling Instance Refresh Succeeded': refreshReader('succeeded'),
  'EC2 Auto Scaling Instance Refresh Failed': refreshReader('failed'),
  'EC2 Auto Scaling Instance Refresh Cancelled': refreshReader('was cancelled'),
  'AWS Health Event': readHealth,
  'CodeDeploy Deployment State-change Notification': readCodeDeploy,
  'CodePipeline Pipeline Execution State Change': readPipeline,
  'EC2 Image Builder Image State Change': readImageBuild,
  'Step Functions Execution Status Change': readExecution,
  'Deployment Started': deployReader('started'),
  'Deployment Finished': deployReader('finished'),
  'Deployment Failed': deployReader('failed'),
  'Deployment Rolled Back': deployReader('was rolled back'),
  'Instance Status Check Failed': checkReader((id, checks) => `Instance ${id} fails its ${checkNames(checks)}.`),
  'Instance Status Check Recovered': checkReader((id, checks) => `Instance ${id} passes its ${checkNames(checks)} again.`),
  'Target Unhealthy': checkReader((id, checks) => `Instance ${id} is unhealthy as a target${checks === '' ? '' : ` of ${checks}`}.`),
  'Target Healthy': checkReader((id, checks) => `Instance ${id} is no longer unhealthy as a target${checks === '' ? '' : ` of ${checks}`}.`),
  'Repair Retry Due': readRetry,
  'Instance Replace Requested': readReplaceRequest,
  'Instance Revert Requested': readRevertRequest,
  'System Drill Requested': readDrillRequest,
  'Budget Burning': readBurning,
  'Budget Low': readBudgetLow,
  'Budget Exhausted': readBudgetSpent,
  'Budget Recovered': readBurnOver,
  'Budget Condition Met': readCondition,
  'Budget Condition Over': readConditionOver,
  Heartbeat: readHeartbeat,
  'Check Failed': readCheckFailed,
  'Check Passed': readCheckPassed,
  'Trouble Reported': readReport,
  'Job Failed': jobReader('failed', true),
  'Job Succeeded': jobReader('succeeded', false),
} as const satisfies Readonly<Record<DetailType, DetailReader>>;

const readersByName: ReadonlyMap<string, DetailReader> = new Map(Object.entries(readers));

/** The reader of a detail-type, whatever text an event calls so. */
export function readerOf(detailType: string): DetailReader | undefined {
  return readersByName.get(detailType);
}
