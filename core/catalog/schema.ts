import * as z from 'zod/mini';
import { isTimeZone } from '../environment/wall-clock.ts';
import { durationSeconds } from './durations.ts';
import {
  emailSchema,
  httpsSchema,
  ipSchema,
  labelsSchema,
  lineOf,
  listOf,
  nameSchema,
  proseOf,
  broken,
  someOf,
  textOf,
  wholeNumber,
  wordSchema,
} from './fields.ts';
import { declaredMetricSchema } from './watched-metrics.ts';
import { serviceLevelObjectiveSchema, serviceSchema } from './openslo/openslo.ts';

/*
 * The documents of the catalog (design.md section 6). An absent field with a default is filled in by parsing, so the
 * types below are what the rules and the functions see. Every list, text and number has a limit.
 */

export const perennialApiVersion = 'perennial/v1';

const metadataSchema = z.strictObject({ name: nameSchema, labels: labelsSchema });

/** Lowest, usual and highest size: what a replacement may not fall below, has, and may grow to (S0-07). */
const tripleSchema = z
  .strictObject({
    min: z.number().check(z.gt(0), z.lte(100_000)),
    average: z.number().check(z.gt(0), z.lte(100_000)),
    max: z.number().check(z.gt(0), z.lte(100_000)),
  })
  .check(z.refine(({ min, average, max }) => min <= average && average <= max, broken('triple')));

const hostnameSchema = z.string().check(z.maxLength(253, broken('hostname')), z.regex(/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/, broken('hostname')));

/** An alarm name, in which `*` stands for any characters; never the lone `*`, which would claim every alarm of the account. */
const alarmGlobSchema = z.string().check(z.maxLength(255), z.regex(/^(?!\*+$)[^\u0000-\u001f\u007f]+$/, broken('glob'))); // oxlint-disable-line no-control-regex -- refused on purpose

const alarmNameSchema = z.string().check(z.maxLength(255), z.regex(/^[^\u0000-\u001f\u007f*]+$/, broken('alarmName'))); // oxlint-disable-line no-control-regex -- refused on purpose

const ownersSchema = z.strictObject({
  owner: lineOf(128),
  operators: listOf(lineOf(128), 50),
  developers: listOf(lineOf(128), 50),
  business: listOf(lineOf(128), 50),
});

const networkSchema = z.strictObject({
  hostname: z.optional(hostnameSchema),
  ip: z.optional(ipSchema),
  subnets: listOf(lineOf(128), 50),
  gateway: z.optional(ipSchema),
  dns: z.optional(z.array(ipSchema).check(z.maxLength(10))),
});

const accessSchema = z.strictObject({
  instanceRole: z
    .optional(wordSchema)
    .check(z.describe("Name of the IAM role of the instances' profile; corroborates that an instance is of this system (design.md section 7).")),
  securityGroups: listOf(lineOf(255), 50).check(z.describe('Names or ids.')),
  accounts: listOf(wordSchema, 100),
  groups: listOf(wordSchema, 100),
});

/** 1 to 90 days: further back nothing is kept to the minute, and less would be decided by a single bad one. */
function isRollingWindow(window: string): boolean {
  const seconds = durationSeconds(window) ?? 0;
  return seconds >= 86_400 && seconds <= 90 * 86_400;
}

const recoverySchema = z.strictObject({
  rtoSeconds: wholeNumber(1, 30 * 86_400).check(z.describe('Recovery time objective: how long a failure may last.')),
  rpoSeconds: wholeNumber(0, 30 * 86_400).check(z.describe('Recovery point objective: how many seconds of data may be lost.')),
  stateful: z._default(z.boolean(), false),
});

const systemSpecSchema = z.strictObject({
  purpose: z._default(textOf(1024), '').check(z.describe('What it is for; empty is a finding (S0-06).')),
  impact: z._default(textOf(1024), '').check(z.describe('What the company loses while it is down; empty is a finding (S3-04).')),
  owners: ownersSchema,
  environment: nameSchema,
  topology: z.enum(['multiple', 'single']),
  concurrencySafe: z._default(z.boolean(), false).check(z.describe('Two instances of a single system may run at once, so it need not be fenced first.')),
  roles: someOf(nameSchema, 20),
  recovery: recoverySchema,
  resources: z.optional(z.strictObject({ cpuCount: tripleSchema, memoryGiB: tripleSchema, diskGiB: tripleSchema })),
  os: z.optional(z.strictObject({ name: lineOf(128), version: z.optional(lineOf(64)) })),
  network: z.prefault(networkSchema, {}),
  access: z.prefault(accessSchema, {}),
  targetGroups: listOf(z.string().check(z.minLength(1), z.maxLength(32), z.regex(/^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$/, broken('word'))), 20).check(
    z.describe('Names; what IAM policies are scoped to.'),
  ),
  hostedZones: listOf(hostnameSchema, 20),
  alarms: listOf(alarmGlobSchema, 50),
  dashboards: listOf(z.string().check(z.regex(/^[A-Za-z0-9_-]{1,255}$/, broken('word'))), 20).check(
    z.describe('CloudWatch dashboards that name single instances; they follow a replacement.'),
  ),
  programs: listOf(z.strictObject({ kind: nameSchema, name: lineOf(128), version: z.optional(lineOf(64)) }), 50),
  software: listOf(z.strictObject({ name: lineOf(128), version: lineOf(128), configVersion: z.optional(lineOf(128)) }), 50),
  links: listOf(z.strictObject({ to: nameSchema, kind: nameSchema }), 100).check(z.describe('Systems this one needs.')),
  image: z
    .strictObject({ role: nameSchema, type: z._default(z.enum(['ami']), 'ami') })
    .check(z.describe('The golden image: its approved id is in the parameter /perennial/images/<role>/approved.')),
  metrics: listOf(declaredMetricSchema, 30).check(
    z.describe(
      'CloudWatch metrics that are shown and may alarm, beside processor, memory and response time, which every system has: figures of the business, response time by tier (S3-07, S3-08).',
    ),
  ),
  documentation: z.optional(httpsSchema),
  monitoring: z
    .optional(z.strictObject({ metrics: z.optional(lineOf(2048)), securityLog: z.optional(lineOf(2048)), appLog: z.optional(lineOf(2048)) }))
    .check(z.describe('Where to look: addresses, log groups or dashboards (S0-30).')),
  availability: z
    .optional(
      z.strictObject({
        target: z
          .number()
          .check(z.gt(0, broken('emptyTarget')), z.gte(1, broken('percentTarget')), z.lt(100, broken('perfectTarget')))
          .check(z.describe('Percent of the minutes of the window in which it must be available, for example 99.9.')),
        window: z
          ._default(z.string().check(z.regex(/^[1-9]\d{0,5}[hdw]$/, broken('rollingWindow')), z.refine(isRollingWindow, broken('rollingWindow'))), '30d')
          .check(z.describe('Rolling window, 1 to 90 days.')),
      }),
    )
    .check(z.describe('A plain availability objective, for people who know no OpenSLO; stands for an SLO document.')),
  dataProtection: z.optional(
    z.strictObject({
      personalData: z.boolean(),
      maskIpAddresses: z
        .optional(z.boolean())
        .check(
          z.describe('Public IP addresses in what is heard of it are masked before anything is stored or sent; without it, as personalData says (S4-23).'),
        ),
    }),
  ),
});

/** A system: what runs, who owns it and what is needed to bring it back (design.md section 6). */
export const systemSchema = z.strictObject({
  apiVersion: z.literal(perennialApiVersion),
  kind: z.literal('System'),
  metadata: metadataSchema,
  spec: systemSpecSchema,
});
export type System = z.infer<typeof systemSchema>;

/** Triggers that need no name: a failed EC2 status check, and a target that its load balancer calls unhealthy. */
export const builtInTriggers = ['instance.status-check', 'instance.target-unhealthy'] as const;

const triggerSchema = z.union([z.enum(builtInTriggers), z.strictObject({ alarm: alarmNameSchema })]);

/** What a repair may try, from the gentlest to the whole replacement. */
export const ladderSteps = ['restart', 'reboot', 'root-swap', 'replace'] as const;
export type LadderStep = (typeof ladderSteps)[number];

/** Limits on how much may be repaired at once (design.md section 7). */
const capsSchema = z.strictObject({
  maxInFlight: z._default(wholeNumber(1, 100), 5).check(z.describe('Repairs in flight per account-region and overall.')),
  maxStartsPerHour: z._default(wholeNumber(1, 1000), 10).check(z.describe('Repairs started in any hour, per account-region and overall.')),
  maxUnhealthyPercent: z
    ._default(wholeNumber(1, 100), 50)
    .check(z.describe("More than max(1, this share of the group, rounded down) unhealthy opens the group's circuit breaker.")),
  maxInFlightPercent: z
    ._default(wholeNumber(1, 100), 10)
    .check(z.describe('At most max(1, this share of the group, rounded down) of a group are repaired at once.')),
  maxAttemptsPerDay: z._default(wholeNumber(1, 20), 3).check(z.describe('Attempts per slot in any rolling 24 h.')),
  platformUnhealthySystems: z
    ._default(wholeNumber(1, 1000), 5)
    .check(z.describe("More than max(this, 10 % of all systems) distinct systems unhealthy within 5 minutes opens the platform's breaker.")),
});

const policySpecSchema = z
  .strictObject({
    system: nameSchema,
    mode: z._default(z.enum(['dry-run', 'approve', 'auto']), 'dry-run'),
    triggers: z._default(someOf(triggerSchema, 50), [...builtInTriggers]),
    pendingSeconds: z._default(wholeNumber(0, 3600), 60).check(z.describe('How long the trouble must last before anything is done.')),
    healthCheckGraceSeconds: z._default(wholeNumber(0, 7200), 300).check(z.describe('An instance younger than this is left alone.')),
    drainSeconds: z._default(wholeNumber(0, 3600), 300),
    healthyReads: z._default(wholeNumber(1, 20), 3),
    healthyReadIntervalSeconds: z._default(wholeNumber(1, 300), 10),
    runningPersistSeconds: z._default(wholeNumber(0, 600), 15).check(z.describe('running must persist this long before it is believed.')),
    cooldownSeconds: z._default(wholeNumber(0, 86_400), 600),
    verifiedAfterSeconds: z._default(wholeNumber(1, 14_400), 600).check(z.describe('In service this long means verified.')),
    quarantineHours: z._default(wholeNumber(1, 720), 96),
    maxQuarantinedPerGroup: z
      ._default(wholeNumber(1, 100), 3)
      .check(z.describe('So many instances of a group are kept in quarantine at once; beyond it the oldest end early, but none on hold.')),
    statusPollSeconds: z._default(wholeNumber(1, 300), 10),
    launchDeadlineSeconds: z._default(wholeNumber(30, 7200), 600),
    healthyDeadlineSeconds: z._default(wholeNumber(30, 7200), 600),
    drainDeadlineSeconds: z._default(wholeNumber(30, 7200), 600).check(z.describe('Beyond drainSeconds.')),
    stopDeadlineSeconds: z._default(wholeNumber(30, 3600), 300),
    snapshotDeadlineSeconds: z
      ._default(wholeNumber(30, 14_400), 3600)
      .check(z.describe('How long snapshots of the data volumes of a stateful system may take before the repair stands down.')),
    moveDeadlineSeconds: z
      ._default(wholeNumber(30, 7200), 600)
      .check(z.describe('How long volumes, interfaces, addresses or DNS records may take to move before everything goes back.')),
    instanceTypes: listOf(wordSchema, 10).check(
      z.describe('Tried in this order, in the same zone, when EC2 has no capacity for the type of the old instance.'),
    ),
    ladder: z
      ._default(someOf(z.enum(ladderSteps), ladderSteps.length), ['replace'])
      .check(z.describe('What a repair may try, in this order; a step that cannot help for the trouble at hand is left out with a reason (S0-15).')),
    keepIdentity: z
      ._default(z.boolean(), false)
      .check(z.describe('The instance must stay itself: its root volume is replaced before the whole instance is, where that can help.')),
    restartProcess: z
      .optional(
        z.strictObject({
          service: z.string().check(z.maxLength(128), z.regex(/^[A-Za-z0-9][A-Za-z0-9@._-]*$/, broken('word'))),
          document: z.optional(z.string().check(z.regex(/^[A-Za-z0-9_.-]{3,128}$/, broken('word')))),
        }),
      )
      .check(
        z.describe(
          'What the step restart restarts: a service of the host, by its service manager or by a Run Command document that takes the parameter service.',
        ),
      ),
    nativeRecoverySeconds: z
      ._default(wholeNumber(0, 7200), 600)
      .check(z.describe('How long, since a system check began to fail, EC2 may try to recover the instance by itself.')),
    stepDeadlineSeconds: z
      ._default(wholeNumber(30, 7200), 300)
      .check(z.describe('How long a restart or a reboot may take to help before the next step is tried.')),
    memberReplacement: z
      ._default(z.enum(['mark-unhealthy', 'standby']), 'mark-unhealthy')
      .check(z.describe('How the Auto Scaling group is asked to replace a member: standby keeps the old one as evidence.')),
    completeLifecycleHooks: listOf(lineOf(255), 20).check(z.describe('Lifecycle hooks that Perennial may complete for instances of this system; no others.')),
    approvalExpiresSeconds: z._default(wholeNumber(60, 14_400), 3600).check(z.describe('How long a repair waits for a person who approves it.')),
    evidenceRequired: z
      ._default(z.boolean(), false)
      .check(
        z.describe(
          'Without evidence nothing is done to the old instance: its console output, the snapshot if snapshotEvidence asks for one, and the output of the host tools where Systems Manager reaches it.',
        ),
      ),
    snapshotEvidence: z._default(z.boolean(), false).check(z.describe('Evidence includes a snapshot of all volumes, begun before anything is done.')),
    logFiles: z
      ._default(z.array(z.string().check(z.maxLength(200), z.regex(/^(?:\/(?!\.\.?(?:\/|$))[A-Za-z0-9._-]+)+$/, broken('logFile')))).check(z.maxLength(5)), [
        '/var/log/messages',
        '/var/log/syslog',
      ])
      .check(z.describe('Files whose last error lines are kept as evidence, at most 5.')),
    accessLogs: z
      ._default(z.array(z.string().check(z.maxLength(200), z.regex(/^(?:\/(?!\.\.?(?:\/|$))[A-Za-z0-9._-]+)+$/, broken('logFile')))).check(z.maxLength(2)), [
        '/var/log/nginx/access.log',
        '/var/log/httpd/access_log',
      ])
      .check(z.describe('Access logs of a web server whose most frequent clients and addresses are kept as evidence, clients masked, at most 2 (S4-41).')),
    caps: z.prefault(capsSchema, {}),
  })
  .check(
    z.refine((spec) => spec.healthyDeadlineSeconds > spec.healthyReads * spec.healthyReadIntervalSeconds, {
      error: broken('healthyInTime'),
      path: ['healthyDeadlineSeconds'],
    }),
    z.refine((spec) => spec.launchDeadlineSeconds > spec.runningPersistSeconds, { error: broken('runningInTime'), path: ['launchDeadlineSeconds'] }),
  );

/** When and how a system may be repaired; every time is in the unit its name ends with (design.md section 7). */
export const policySchema = z.strictObject({
  apiVersion: z.literal(perennialApiVersion),
  kind: z.literal('RemediationPolicy'),
  metadata: metadataSchema,
  spec: policySpecSchema,
});
export type RemediationPolicy = z.infer<typeof policySchema>;

/** Phone numbers are only ever names of Parameter Store parameters, never in git or a template. */
const routeTargetSchema = z.union([
  z.strictObject({ email: emailSchema }),
  z.strictObject({ smsParameter: z.string().check(z.maxLength(1011), z.regex(/^\/perennial(\/[A-Za-z0-9._-]+)+$/, broken('ssmParameter'))) }),
  z.strictObject({ https: httpsSchema }),
]);
export type RouteTarget = z.infer<typeof routeTargetSchema>;

export const severities = ['critical', 'high', 'warning', 'info'] as const;

/** How long a message may wait for others of its group; a `critical` one never waits (docs/adr/0015-attention.md). */
const routeGroupSchema = z.strictObject({
  by: z._default(z.enum(['system', 'incident']), 'system').check(z.describe('What is told together.')),
  waitSeconds: z._default(wholeNumber(0, 900), 30).check(z.describe('How long the first message of a group waits; what is over by then is not told at all.')),
  intervalSeconds: z._default(wholeNumber(60, 3600), 300).check(z.describe('New incidents of the group are told together, at most so often.')),
  repeatSeconds: z
    ._default(wholeNumber(300, 7 * 86_400), 14_400)
    .check(z.describe('What is still unanswered so long after people were told is told again, marked as a repeat; rounded up to whole intervals.')),
});

/** Who is told about which severities, and by which channel. */
export const routeSchema = z.strictObject({
  apiVersion: z.literal(perennialApiVersion),
  kind: z.literal('NotificationRoute'),
  metadata: metadataSchema,
  spec: z.strictObject({
    role: nameSchema,
    severities: someOf(z.enum(severities), 4),
    to: someOf(routeTargetSchema, 50),
    smsPagesPerMonth: z
      .optional(wholeNumber(0, 100_000))
      .check(z.describe('How many SMS its phones may get in a calendar month (UTC), 200 without it; beyond it pages go by e-mail and HTTPS only.')),
    description: z.optional(proseOf(1050)),
    // Optional, not defaulted: a catalog that a version before has published reads as it was, with the same hash.
    group: z.optional(routeGroupSchema).check(z.describe('How messages that can wait are put together; without it, the defaults of its fields.')),
  }),
});
export type NotificationRoute = z.infer<typeof routeSchema>;

/** Minutes, hours, days, months and weekdays; whether they name a moment at all is asked when the catalog is checked (schedules.ts). */
const cronSchema = z.string().check(z.maxLength(100), z.regex(/^\S+( \S+){4}$/, broken('cron')));

const momentSchema = z.string().check(z.maxLength(40), z.regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})$/, broken('moment')));

/** When people work on systems: no repair begins meanwhile, and the incident says until when (design.md section 6). */
export const windowSchema = z.strictObject({
  apiVersion: z.literal(perennialApiVersion),
  kind: z.literal('MaintenanceWindow'),
  metadata: metadataSchema,
  spec: z.strictObject({
    systems: someOf(nameSchema, 200),
    schedule: cronSchema.check(z.describe('When it opens: a cron expression of five fields.')),
    timeZone: z
      ._default(z.string().check(z.maxLength(64), z.refine(isTimeZone, broken('timeZone'))), 'Etc/UTC')
      .check(z.describe('IANA time zone of the schedule.')),
    durationMinutes: wholeNumber(1, 7 * 1440).check(z.describe('How long it stays open.')),
    author: lineOf(128).check(z.describe('Who works, and is asked when something fails meanwhile.')),
    until: z.optional(momentSchema).check(z.describe('When it ends for good; without it, it comes again and again.')),
  }),
});
export type MaintenanceWindow = z.infer<typeof windowSchema>;

const timeOfDaySchema = z.string().check(z.regex(/^([01]\d|2[0-3]):[0-5]\d$/, broken('timeOfDay')));

export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

/** When somebody can be reached; one whose end is not after its begin ends on the next day. */
const hoursSchema = z.strictObject({
  timeZone: z
    ._default(z.string().check(z.maxLength(64), z.refine(isTimeZone, broken('timeZone'))), 'Etc/UTC')
    .check(z.describe('IANA time zone of the hours.')),
  days: z._default(someOf(z.enum(weekdays), weekdays.length), [...weekdays]).check(z.describe('On which days they begin.')),
  from: timeOfDaySchema,
  to: timeOfDaySchema,
});

export const notificationChannels = ['https', 'email', 'sms'] as const;

const escalationLevelSchema = z.strictObject({
  afterMinutes: wholeNumber(1, 1440).check(z.describe('So long after the incident began to wait for a person, in the first round.')),
  roles: someOf(nameSchema, 10).check(z.describe('Who is asked: roles of routes, or owner, operators, developers, business of the system.')),
  channels: z._default(someOf(z.enum(notificationChannels), notificationChannels.length), [...notificationChannels]),
  hours: z.optional(hoursSchema).check(z.describe('Outside of these hours the level is passed over.')),
});
export type EscalationLevel = z.infer<typeof escalationLevelSchema>;

const escalationSpecSchema = z
  .strictObject({
    systems: listOf(nameSchema, 200).check(z.describe('None: every system that no other document of this kind names.')),
    severities: z._default(someOf(z.enum(severities), 4), ['critical', 'high']).check(z.describe('What wakes people; the others wait for the digest.')),
    levels: someOf(escalationLevelSchema, 10),
    repeats: z._default(wholeNumber(0, 20), 2).check(z.describe('How often all levels are asked again when nobody answers.')),
    repeatAfterMinutes: z._default(wholeNumber(1, 1440), 30).check(z.describe('From the last level of a round to the first one of the next.')),
    acknowledgedForMinutes: z
      ._default(wholeNumber(1, 1440), 30)
      .check(z.describe('An incident that was acknowledged and is still neither repaired nor calm after this time pages again.')),
  })
  .check(
    z.refine(({ levels }) => levels.every(({ afterMinutes }, index) => index === 0 || afterMinutes > (levels[index - 1]?.afterMinutes ?? 0)), {
      error: broken('risingLevels'),
      path: ['levels'],
    }),
  );

/** Who is asked next when nobody acknowledges an incident; without a document of this kind the built-in levels hold (docs/incidents.md). */
export const escalationPolicySchema = z.strictObject({
  apiVersion: z.literal(perennialApiVersion),
  kind: z.literal('EscalationPolicy'),
  metadata: metadataSchema,
  spec: escalationSpecSchema,
});
export type EscalationPolicy = z.infer<typeof escalationPolicySchema>;

/** Where a compiled catalog came from. */
export const provenanceSchema = z.strictObject({
  hash: z
    .string()
    .check(z.regex(/^[0-9a-f]{64}$/))
    .check(z.describe('SHA-256 of the canonical text of the content (all but this object): equal content, equal hash.')),
  commit: z.nullable(z.string().check(z.regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/))).check(z.describe('The git commit, or null outside git.')),
  dirty: z
    .boolean()
    .check(z.describe('The directory differs from that commit, or git could not say; false outside git, where there is nothing to differ from.')),
});
export type Provenance = z.infer<typeof provenanceSchema>;

/** The most documents of one kind: a compiled catalog must stay readable by one function call. */
export const maximumDocumentsPerKind = 2000;

const contentShape = {
  formatVersion: z.literal(1),
  systems: z.array(systemSchema).check(z.maxLength(maximumDocumentsPerKind)),
  policies: z.array(policySchema).check(z.maxLength(maximumDocumentsPerKind)),
  routes: z.array(routeSchema).check(z.maxLength(maximumDocumentsPerKind)),
  // Absent in what a version before this one has published.
  windows: z.optional(z.array(windowSchema).check(z.maxLength(maximumDocumentsPerKind))),
  escalations: z.optional(z.array(escalationPolicySchema).check(z.maxLength(maximumDocumentsPerKind))),
  objectives: z.array(serviceLevelObjectiveSchema).check(z.maxLength(maximumDocumentsPerKind)),
  services: z.array(serviceSchema).check(z.maxLength(maximumDocumentsPerKind)),
};

/** The documents of a catalog with all defaults filled in, each list sorted by name. */
export const catalogContentSchema = z.strictObject(contentShape);
export type CatalogContent = z.infer<typeof catalogContentSchema>;

/** What a deploy publishes and functions read. */
export const compiledCatalogSchema = z.strictObject({ ...contentShape, provenance: provenanceSchema });
export type CompiledCatalog = z.infer<typeof compiledCatalogSchema>;

export type { ServiceLevelObjective } from './openslo/openslo.ts';
