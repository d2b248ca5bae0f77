import * as z from 'zod/mini';
import { findingSchema } from '../core/deployments/record.ts';
import { detectionSources } from '../core/incidents/learning/detection.ts';
import { digestRoles } from '../core/incidents/learning/digest-text.ts';
import { actionTypes } from '../core/incidents/learning/post-mortem.ts';
import { silenceSchema } from '../core/incidents/attention/silence.ts';
import { incidentSchema, timelineEventSchema } from '../core/incidents/record.ts';
import { instanceRecordSchema } from '../core/inventory/records.ts';
import { backtestVerdicts } from '../core/remediation/hindsight/backtest.ts';
import { evidenceSchema } from '../core/remediation/evidence/evidence.ts';
import { pathNameSchema, phaseNameSchema, remediationSchema, remediationStateSchema } from '../core/remediation/record.ts';
import { explanationSchema } from '../core/signals/explain.ts';
import { budgetChargeSchema } from '../core/slo/spending/charges.ts';
import { gateAnswerSchema, gateExceptionSchema } from '../core/slo/gate.ts';
import { evaluationSchema } from '../core/slo/evaluation/evaluate-points.ts';
import { objectiveExplanationSchema } from '../core/slo/words/explain.ts';
import { leavingActions } from './uninstall-plan.ts';

/*
 * What every command answers with --json (design section 9); published in docs/schema/. Fields may be added later, so readers must
 * pass over what they do not know; none is taken away or renamed.
 */

/** What every item of every list has. */
const item = {
  id: z.string(),
  /** `null`: it belongs to no system. */
  system: z.nullable(z.string()),
  state: z.string(),
  /** Since when; `null` when that is not recorded. */
  startedAt: z.nullable(z.string()),
  /** Why it is in this state, for a person. */
  reason: z.string(),
} as const;

const severity = z.enum(['critical', 'high', 'warning', 'info']);

const incidentItemSchema = z.object({ ...item, severity, owner: z.string() });
export type IncidentItem = z.infer<typeof incidentItemSchema>;

const pauseItemSchema = z.object({ ...item, target: z.string(), by: z.string(), at: z.string() });
export type PauseItem = z.infer<typeof pauseItemSchema>;

const budgetItemSchema = z.object({
  ...item,
  objective: z.string(),
  budgetSeconds: z.number(),
  consumedSeconds: z.number(),
  /** 1: untouched; 0: used up; below 0: overspent. */
  remainingRatio: z.number(),
  sli: z.number(),
  at: z.string(),
});

export const statusSchema = z.object({
  paused: z.array(pauseItemSchema),
  /** Circuit breakers that are open; empty on a good day. */
  breakers: z.array(z.object({ ...item, state: z.enum(['open', 'probing', 'waiting-for-person']) })),
  systems: z.array(z.object({ ...item, instances: z.array(z.string()), images: z.array(z.string()) })),
  openIncidents: z.array(incidentItemSchema),
  runningRemediations: z.array(z.object({ ...item, phase: phaseNameSchema, incidentId: z.string() })),
  budgets: z.array(budgetItemSchema),
  /** How many instances of each status the inventory holds. */
  instances: z.record(z.string(), z.number()),
});
export type StatusAnswer = z.infer<typeof statusSchema>;

export const incidentsSchema = z.array(incidentItemSchema);

/** What a person told an incident: acknowledge, close, note. */
export const incidentAnswerSchema = z.object({
  ...item,
  severity,
  owner: z.string(),
  by: z.string(),
  /** False: it was so already. */
  isChanged: z.boolean(),
  /** Until when nobody else is asked; `null` without an acknowledgement. */
  until: z.nullable(z.string()),
});
export type IncidentAnswer = z.infer<typeof incidentAnswerSchema>;

/** It was reported; the incident is in `incidents` within seconds. */
export const incidentReportSchema = z.object({ ...item, state: z.literal('requested'), severity, by: z.string() });
export type IncidentReportAnswer = z.infer<typeof incidentReportSchema>;

/** How fast a repair was, from the moment the trouble was detected (S0-19). */
const recoveryClockSchema = z.object({
  remediationId: z.string(),
  state: remediationStateSchema,
  detectedAt: z.string(),
  startedAt: z.string(),
  inServiceAt: z.nullable(z.string()),
  /** Detected to in service; `null` until then. */
  recoverySeconds: z.nullable(z.number()),
  targetSeconds: z.number(),
  isTargetMet: z.nullable(z.boolean()),
});
export type RecoveryClock = z.infer<typeof recoveryClockSchema>;

export const incidentDetailSchema = z.extend(incidentSchema, {
  ...item,
  timeline: z.array(timelineEventSchema),
  evidence: z.array(evidenceSchema),
  /** Of its newest 8 repairs, oldest first. */
  recovery: z.array(recoveryClockSchema),
});
export type IncidentDetail = z.infer<typeof incidentDetailSchema>;

export const remediationsSchema = z.array(
  z.object({
    ...item,
    state: remediationStateSchema,
    incidentId: z.string(),
    oldInstanceId: z.string(),
    newInstanceId: z.nullable(z.string()),
    recoverySeconds: z.nullable(z.number()),
  }),
);
export type RemediationsAnswer = z.infer<typeof remediationsSchema>;

export const remediationDetailSchema = z.extend(remediationSchema, {
  startedAt: z.string(),
  evidence: z.array(evidenceSchema),
  /** What it cost an error budget; `null`: nothing so far. */
  budgetCharge: z.nullable(budgetChargeSchema),
});
export type RemediationDetail = z.infer<typeof remediationDetailSchema>;

export const inventoryListSchema = z.array(z.extend(z.omit(instanceRecordSchema, { state: true }), { ...item, ec2State: z.string() }));
export type InventoryAnswer = z.infer<typeof inventoryListSchema>;

/** A "no": nothing was done, and why. */
const refusedSchema = z.object({ refused: z.string() });

const planSchema = z.object({
  instanceId: z.string(),
  system: z.string(),
  mode: z.enum(['dry-run', 'approve', 'auto']),
  topology: z.enum(['multiple', 'single']),
  /** The way that would be taken; null when none can help. */
  path: z.nullable(pathNameSchema),
  pathReason: z.string(),
  nextPaths: z.array(pathNameSchema),
  phases: z.array(z.object({ name: phaseNameSchema, role: z.enum(['observe', 'act']), summary: z.string() })),
  guardrails: z.array(z.object({ name: z.string(), verdict: z.enum(['pass', 'veto', 'approve']), reason: z.string() })),
  preflight: z.array(z.object({ name: z.string(), verdict: z.enum(['pass', 'stop', 'unread', 'not-asked']), reason: z.string() })),
  wouldStop: z.array(z.string()),
  imageId: z.nullable(z.string()),
  kept: z.array(z.string()),
  cannotKeep: z.array(z.string()),
});
export const planAnswerSchema = z.union([planSchema, refusedSchema]);

export const switchSchema = z.object({
  ...pauseItemSchema.shape,
  state: z.enum(['paused', 'running']),
  isPaused: z.boolean(),
  /** The literal stop: running repairs stay where they are. */
  isFrozen: z.optional(z.boolean()),
  /** False: it was so already. */
  isChanged: z.boolean(),
  /** Targets that are paused now. */
  paused: z.array(z.string()),
  /** Circuit breakers that this closed: group ids, or `platform`. */
  closedBreakers: z.array(z.string()),
});
export type SwitchAnswer = z.infer<typeof switchSchema>;

export const decisionSchema = z.object({
  ...item,
  state: remediationStateSchema,
  phase: phaseNameSchema,
  by: z.string(),
  /** False: somebody said so already. */
  isChanged: z.boolean(),
});
export type DecisionAnswer = z.infer<typeof decisionSchema>;

export const holdSchema = z.object({ ...item, state: z.enum(['held', 'released']), isChanged: z.boolean() });
export type HoldAnswer = z.infer<typeof holdSchema>;

/** It was asked for; what becomes of it is in `remediations`. */
export const byHandSchema = z.object({
  ...item,
  state: z.literal('requested'),
  type: z.enum(['Instance Replace Requested', 'Instance Revert Requested', 'System Drill Requested']),
  by: z.string(),
  instanceId: z.nullable(z.string()),
});
export type ByHandAnswer = z.infer<typeof byHandSchema>;

export const deploySchema = z.object({
  eventId: z.string(),
  type: z.enum(['Deployment Started', 'Deployment Finished', 'Deployment Failed', 'Deployment Rolled Back']),
  system: z.string(),
  version: z.string(),
  configVersion: z.optional(z.string()),
  commit: z.string(),
  previousVersion: z.string(),
  deployer: z.string(),
  approver: z.optional(z.string()),
  databaseChange: z.boolean(),
  rollbackTested: z.boolean(),
  at: z.string(),
  /** What is wrong with how it was announced; it was announced all the same. */
  findings: z.array(findingSchema),
  /** What the error budget says to a start (S2-08). */
  gate: z.optional(z.object({ answer: gateAnswerSchema, reason: z.string() })),
});
export type DeployAnswer = z.infer<typeof deploySchema>;

export const deadLettersSchema = z.array(z.object({ ...item, sizeBytes: z.number() }));
export type DeadLettersAnswer = z.infer<typeof deadLettersSchema>;

export const deadLetterSchema = z.object({
  ...item,
  messageId: z.string(),
  at: z.string(),
  bodyHash: z.string(),
  sizeBytes: z.number(),
  maskedBody: z.string(),
});
export type DeadLetterAnswer = z.infer<typeof deadLetterSchema>;

export const redriveSchema = z.object({ moved: z.int() });

const subscriptionItemSchema = z.object({
  ...item,
  state: z.enum(['confirmed', 'pending', 'vanished', 'unprotected']),
  /** A severity, or `platform`. */
  topic: z.string(),
  channel: z.enum(['https', 'email', 'sms']),
  routes: z.array(z.string()),
  /** What it filters on; `null`: whatever the roles. */
  roles: z.nullable(z.array(z.string())),
});
export type SubscriptionItem = z.infer<typeof subscriptionItemSchema>;
export const subscriptionsSchema = z.array(subscriptionItemSchema);
export const subscriptionConfirmedSchema = z.object({ topic: z.string(), topicArn: z.string(), isProtected: z.boolean() });

const silenceItemSchema = z.object({
  ...item,
  /** `resting`: it recurs, and is between two of its times. */
  state: z.enum(['pending', 'active', 'resting', 'expired']),
  matchers: silenceSchema.shape.matchers,
  author: z.string(),
  startsAt: z.string(),
  endsAt: z.string(),
  recurring: silenceSchema.shape.recurring,
  endedBy: z.optional(z.string()),
});
export type SilenceItem = z.infer<typeof silenceItemSchema>;
export const silencesSchema = z.array(silenceItemSchema);
export const silenceEndedSchema = z.object({ ...silenceItemSchema.shape, isChanged: z.boolean() });

export const doctorSchema = z.array(z.object({ ...item, state: z.enum(['ok', 'problem', 'unknown']) }));
export type DoctorAnswer = z.infer<typeof doctorSchema>;

/** One trouble of the past; `startedAt` is the moment it began. */
const backtestEpisodeSchema = z.object({
  ...item,
  state: z.enum(backtestVerdicts),
  place: z.string(),
  rule: z.string(),
  guardrail: z.nullable(z.string()),
  /** The way it would have been repaired; absent where only the moment could have told. */
  path: z.optional(pathNameSchema),
  isPaged: z.boolean(),
  lastedSeconds: z.nullable(z.number()),
  savedSeconds: z.nullable(z.number()),
});

export const backtestSchema = z.object({
  episodes: z.array(backtestEpisodeSchema),
  totals: z.object({
    'would-replace': z.int(),
    vetoed: z.int(),
    'recovered-by-itself': z.int(),
    'incident-only': z.int(),
    'under-repair': z.int(),
    unknown: z.int(),
    paged: z.int(),
    savedMinutes: z.number(),
  }),
  notEvaluated: z.array(z.string()),
  rejected: z.array(z.object({ line: z.int(), reason: z.string() })),
});
export type BacktestAnswer = z.infer<typeof backtestSchema>;

const recoveryTimesSchema = {
  system: z.string(),
  runs: z.int(),
  failed: z.int(),
  meanSeconds: z.nullable(z.number()),
  p50Seconds: z.nullable(z.number()),
  p95Seconds: z.nullable(z.number()),
  rtoSeconds: z.number(),
  rtoMetRatio: z.nullable(z.number()),
} as const;

export const recoverySchema = z.array(z.object({ ...item, ...recoveryTimesSchema }));
export type RecoveryAnswer = z.infer<typeof recoverySchema>;

const listOf = <Item extends z.ZodMiniType>(schema: Item) => z.readonly(z.array(schema));

const toilRowSchema = z.object({
  system: z.string(),
  cause: z.string(),
  interventions: z.int(),
  /** How often each kind: acknowledge, approve, replace, revert, abort, freeze, open, close. */
  byKind: z.record(z.string(), z.int()),
  incidents: z.int(),
  /** From the first intervention to the end of the trouble; `null` while that is not over. */
  minutes: z.nullable(z.number()),
  isRepeated: z.boolean(),
  lastAt: z.string(),
});

export const toilSchema = z.object({
  from: z.string(),
  to: z.string(),
  interventions: z.int(),
  minutes: z.number(),
  rows: listOf(toilRowSchema),
  /** Drills asked for by hand: administration, which is no toil. */
  drills: z.int(),
  /** True when there were more incidents than were read. */
  isCut: z.boolean(),
});
export type ToilAnswer = z.infer<typeof toilSchema>;

const noiseRowSchema = z.object({
  rule: z.string(),
  system: z.string(),
  incidents: z.int(),
  /** Those that ended by themselves, and about which nobody and nothing did anything. */
  withoutAction: z.int(),
  pointlessMessages: z.int(),
  lastAt: z.string(),
});

export const noiseSchema = z.object({
  from: z.string(),
  to: z.string(),
  incidents: z.int(),
  withoutAction: z.int(),
  pointless: listOf(noiseRowSchema),
  repeated: listOf(noiseRowSchema),
  acknowledged: z.int(),
  meanAcknowledgeSeconds: z.nullable(z.number()),
  detectedBy: z.object({ alarm: z.int(), canary: z.int(), customer: z.int(), person: z.int() }),
  /** 0 to 1. */
  customerShare: z.nullable(z.number()),
  isCut: z.boolean(),
});
export type NoiseAnswer = z.infer<typeof noiseSchema>;

const actionShape = {
  id: z.string(),
  text: z.string(),
  type: z.enum(actionTypes),
  owner: z.string(),
  /** A day, `2026-12-01`. */
  dueOn: z.string(),
  ageDays: z.int(),
  isOverdue: z.boolean(),
} as const;

const plannedWorkSchema = z.object({
  objective: z.string(),
  system: z.string(),
  kind: z.enum(['rule', 'deploys', 'repairs']),
  cause: z.string(),
  badSeconds: z.number(),
  /** Part of the budget of 90 days. */
  share: z.number(),
  incidents: z.int(),
  reason: z.string(),
});

export const digestSchema = z.object({
  role: z.enum(digestRoles),
  from: z.string(),
  to: z.string(),
  recoveries: listOf(z.object(recoveryTimesSchema)),
  vetoes: listOf(z.object({ guardrail: z.string(), count: z.int() })),
  wouldHave: listOf(
    z.object({
      remediationId: z.string(),
      system: z.string(),
      at: z.string(),
      verdict: z.enum(['right', 'needless', 'open']),
      reason: z.string(),
      savedSeconds: z.number(),
    }),
  ),
  incidents: listOf(
    z.object({
      id: z.string(),
      system: z.nullable(z.string()),
      severity,
      title: z.string(),
      impact: z.string(),
      openedAt: z.string(),
      durationSeconds: z.nullable(z.number()),
      isRepairedByMachine: z.boolean(),
      budgetShare: z.nullable(z.number()),
      afterDeploy: z.nullable(z.object({ text: z.string(), secondsBefore: z.number() })),
    }),
  ),
  deploys: listOf(z.object({ system: z.string(), deploys: z.int(), failed: z.int(), rolledBack: z.int() })),
  budgets: listOf(z.object({ objective: z.string(), system: z.string(), sli: z.number(), remainingRatio: z.number() })),
  postMortems: listOf(z.object({ incidentId: z.string(), system: z.nullable(z.string()), because: z.string(), ageDays: z.int() })),
  actions: listOf(z.object({ incidentId: z.string(), ...actionShape })),
  plannedWork: listOf(plannedWorkSchema),
  toil: z.pick(toilSchema, { interventions: true, minutes: true, rows: true }),
  noise: z.pick(noiseSchema, { withoutAction: true, pointless: true, meanAcknowledgeSeconds: true, customerShare: true }),
});
export type DigestAnswer = z.infer<typeof digestSchema>;

const findingsSchema = z.object({ derived: listOf(z.string()), noted: listOf(z.string()) });
const testSchema = z.union([z.object({ link: z.string() }), z.object({ noTestReason: z.string() })]);

export const postMortemAnswerSchema = z.object({
  ...item,
  state: z.enum(['not-asked-for', 'due', 'draft', 'closed']),
  incidentId: z.string(),
  accountId: z.string(),
  region: z.string(),
  title: z.string(),
  severity,
  owner: z.string(),
  dueBecause: z.nullable(z.string()),
  summary: listOf(z.string()),
  impact: z.object({
    text: z.string(),
    durationSeconds: z.nullable(z.number()),
    budget: z.nullable(z.object({ objective: z.string(), badSeconds: z.number(), share: z.number() })),
    noted: listOf(z.string()),
  }),
  /** How did we learn of it? */
  detection: z.object({
    source: z.enum(detectionSources),
    beganAt: z.nullable(z.string()),
    detectedAt: z.string(),
    timeToDetectSeconds: z.nullable(z.number()),
    firstToldAt: z.nullable(z.string()),
    timeToTellSeconds: z.nullable(z.number()),
    timeToAcknowledgeSeconds: z.nullable(z.number()),
  }),
  timeline: listOf(z.object({ at: z.string(), kind: z.string(), text: z.string() })),
  automatic: listOf(z.string()),
  byHand: listOf(z.string()),
  factors: findingsSchema,
  lessons: z.object({ well: findingsSchema, poorly: findingsSchema, luckily: findingsSchema }),
  /** Earlier incidents of the same cause, most likely. */
  recurrences: listOf(z.string()),
  actions: listOf(
    z.object({
      ...actionShape,
      state: z.enum(['open', 'done']),
      addedAt: z.string(),
      addedBy: z.string(),
      doneAt: z.optional(z.string()),
      doneBy: z.optional(z.string()),
    }),
  ),
  suggestions: listOf(z.object({ type: z.enum(actionTypes), text: z.string() })),
  test: z.nullable(testSchema),
  /** What was written that blames; advice. */
  wording: listOf(z.object({ words: z.string(), advice: z.string() })),
  markdown: z.string(),
});
export type PostMortemAnswer = z.infer<typeof postMortemAnswerSchema>;

export const postMortemListSchema = z.array(
  z.object({ ...item, state: z.enum(['due', 'draft', 'closed']), incidentId: z.string(), owner: z.string(), openActions: z.int(), overdueActions: z.int() }),
);
export type PostMortemListAnswer = z.infer<typeof postMortemListSchema>;

const postMortemChangeSchema = z.union([
  z.object({
    ...item,
    state: z.enum(['draft', 'closed']),
    incidentId: z.string(),
    /** False: it says so already. */
    isChanged: z.boolean(),
    wording: listOf(z.object({ words: z.string(), advice: z.string() })),
  }),
  refusedSchema,
]);
export type PostMortemChangeAnswer = z.infer<typeof postMortemChangeSchema>;

export const simulateSchema = z.object({
  runs: z.int(),
  violations: z.array(
    z.object({
      /** Replays it: `simulate --seed <seed> --runs 1 --trace`. */
      seed: z.number(),
      scenario: z.string(),
      invariant: z.string(),
      what: z.string(),
      /** What happened, with as few faults as still break the invariant; empty beyond the first few. */
      trace: z.array(z.string()),
    }),
  ),
  seconds: z.number(),
  fewestInstances: z.number(),
  fewestFaults: z.number(),
  remediations: z.int(),
});
export type SimulateAnswer = z.infer<typeof simulateSchema>;

/** `error` alone, with the mistakes of the specification and their places, where nothing can be said (exit 1). */
export const sloEvaluateSchema = z.union([
  evaluationSchema,
  z.object({
    error: z.string(),
    problems: z.array(z.object({ file: z.string(), line: z.number(), column: z.number(), path: z.string(), message: z.string(), fix: z.string() })),
  }),
]);

const sloExplainSchema = z.union([objectiveExplanationSchema, refusedSchema]);

export const uninstallSchema = z.object({
  isCarriedOut: z.boolean(),
  isHandOver: z.boolean(),
  items: z.array(
    z.object({
      kind: z.string(),
      id: z.string(),
      action: z.enum(leavingActions),
      why: z.string(),
      how: z.string(),
      outcome: z.enum(['planned', 'done', 'failed', 'left']),
      error: z.optional(z.string()),
    }),
  ),
  /** What is still to be done. */
  open: z.number(),
  runningRemediations: z.array(z.string()),
});
export type UninstallAnswer = z.infer<typeof uninstallSchema>;

export const gateSchema = z.object({
  open: z.boolean(),
  reason: z.string(),
  /** Of the objective with the least left; `null`: nothing is measured. Negative when overspent. */
  budgetRemainingRatio: z.nullable(z.number()),
  system: z.string(),
  answer: gateAnswerSchema,
  objective: z.nullable(z.string()),
  /** Who lets it pass although the budget is spent. */
  exception: z.nullable(gateExceptionSchema),
});
export type GateAnswerItem = z.infer<typeof gateSchema>;

const costSchema = z.object({
  badSlices: z.int(),
  badSeconds: z.number(),
  /** Part of the whole budget; 0.01 = 1 %. */
  share: z.number(),
});

/** `null` where nothing was measured. */
const figure = z.nullable(z.number());

const sloItemSchema = z.object({
  ...item,
  state: z.enum(['left', 'spent', 'not-measured', 'not-declared']),
  targetPercent: z.string(),
  window: z.string(),
  windowSeconds: z.number(),
  /** Share of the window's slices that were not bad. */
  sli: figure,
  budgetSeconds: figure,
  consumedSeconds: figure,
  /** Negative when overspent. */
  remainingSeconds: figure,
  remainingRatio: figure,
  /** Rate 1 spends the whole budget in one window. */
  burn: z.array(z.object({ windowSeconds: z.number(), rate: z.number() })),
  /** When it is gone if the last hour goes on. */
  exhaustion: z.nullable(z.object({ kind: z.enum(['spent', 'calm', 'lasts', 'runs-out']), at: z.nullable(z.string()), reason: z.string() })),
});
export type BudgetItem = z.infer<typeof sloItemSchema>;
/** One entry of people in the ledger of an error budget. */
export const ledgerItemSchema = z.object({
  id: z.string(),
  kind: z.enum(['exclusion', 'correction', 'withdrawal']),
  state: z.enum(['standing', 'withdrawn']),
  /** Of a correction: what the span counts as. */
  as: z.nullable(z.enum(['good', 'bad', 'no-data'])),
  from: z.nullable(z.string()),
  /** Exclusive. */
  to: z.nullable(z.string()),
  /** Of a withdrawal: what it takes back. */
  entry: z.nullable(z.string()),
  by: z.string(),
  reason: z.string(),
  at: z.string(),
});
export type LedgerItem = z.infer<typeof ledgerItemSchema>;

export const sloListSchema = z.array(sloItemSchema);

const chargedSchema = z.extend(costSchema, { id: z.string(), from: z.string() });
const sloDetailSchema = z.extend(sloItemSchema, {
  /** May the system ship? */
  gate: z.object({ open: z.boolean(), answer: gateAnswerSchema, reason: z.string() }),
  /** The days of the window, in UTC, oldest first. */
  days: z.array(z.object({ day: z.string(), badSeconds: z.number(), observedSeconds: z.number(), remainingRatio: z.number() })),
  /** Each bad slice is charged once: incidents, repairs, deploys and unattributed add up to spent. `null`: nothing was measured. */
  attribution: z.nullable(
    z.object({
      spent: costSchema,
      /** `duringRepair`: the part of it that was bad while repairs of ours ran. `deployId`: what it followed. */
      incidents: z.array(z.extend(chargedSchema, { cause: z.string(), duringRepair: costSchema, deployId: z.nullable(z.string()) })),
      /** `ofIncidents`: charged to incidents, shown and not added. */
      repairs: z.array(z.extend(chargedSchema, { incidentId: z.string(), ofIncidents: costSchema })),
      deploys: z.array(z.extend(chargedSchema, { text: z.string(), ofIncidents: costSchema, incidentIds: z.array(z.string()) })),
      unattributed: costSchema,
      isCut: z.boolean(),
    }),
  ),
  plannedWork: z.array(plannedWorkSchema),
});
export type BudgetDetail = z.infer<typeof sloDetailSchema>;
/** `chart`: the file it was drawn to. */
export const sloShowSchema = z.extend(sloDetailSchema, { chart: z.nullable(z.string()) });
export type BudgetShown = z.infer<typeof sloShowSchema>;

const downtimeSecondsSchema = z.object({ day: z.number(), week: z.number(), month: z.number(), year: z.number() });
export const sloReportSchema = z.object({
  at: z.string(),
  objectives: z.array(sloDetailSchema),
  /** Names of those that are declared and have no reading yet. */
  unmeasured: z.array(z.string()),
  plannedWork: z.array(plannedWorkSchema),
  /** Seconds that an availability allows (S2-05). */
  allowedDowntimes: z.array(z.object({ percent: z.string(), seconds: downtimeSecondsSchema })),
  charts: z.array(z.string()),
});
export type BudgetReport = z.infer<typeof sloReportSchema>;

/** The published ones; `catalog check` is published with the catalog's own schemas. */
const published = {
  'event explain': explanationSchema,
  'slo explain': sloExplainSchema,
  'slo evaluate': sloEvaluateSchema,
  'slo list': sloListSchema,
  'slo ledger': z.array(ledgerItemSchema),
  'slo correct, slo exclude and slo withdraw': ledgerItemSchema,
  'slo show': sloShowSchema,
  'slo report': sloReportSchema,
  status: statusSchema,
  incidents: incidentsSchema,
  'incidents <id>': incidentDetailSchema,
  'acknowledge, incidents close and incidents note': incidentAnswerSchema,
  'incidents open': incidentReportSchema,
  remediations: remediationsSchema,
  'remediations <id>': remediationDetailSchema,
  'inventory list': inventoryListSchema,
  plan: planAnswerSchema,
  'pause and resume': switchSchema,
  'approve and abort': decisionSchema,
  hold: holdSchema,
  'replace, revert and drill': byHandSchema,
  deploy: deploySchema,
  gate: gateSchema,
  'dead-letters list': deadLettersSchema,
  'dead-letters show': deadLetterSchema,
  'dead-letters redrive': redriveSchema,
  doctor: doctorSchema,
  'subscriptions list': subscriptionsSchema,
  'subscriptions confirm': subscriptionConfirmedSchema,
  'silence add': silenceItemSchema,
  'silence list': silencesSchema,
  'silence end': silenceEndedSchema,
  uninstall: uninstallSchema,
  backtest: backtestSchema,
  recovery: recoverySchema,
  digest: digestSchema,
  toil: toilSchema,
  noise: noiseSchema,
  'postmortem show': postMortemAnswerSchema,
  'postmortem list': postMortemListSchema,
  'postmortem note, action and close': postMortemChangeSchema,
} as const;

export interface CommandSchema {
  readonly command: string;
  /** In `docs/schema/`. */
  readonly fileName: string;
  readonly schema: Readonly<Record<string, unknown>>;
}

/** `incidents <id>` → `cli-incidents-id.schema.json`. */
function fileNameOf(command: string): string {
  return `cli-${command.replaceAll(/[^a-z]+/g, '-').replace(/-$/, '')}.schema.json`;
}

/** The JSON Schemas of the answers. As `input`, so that they do not forbid fields which a later version adds. */
export function commandJsonSchemas(): readonly CommandSchema[] {
  return Object.entries(published).map(([command, schema]) => ({
    command,
    fileName: fileNameOf(command),
    schema: { ...z.toJSONSchema(schema, { io: 'input' }), title: `Answer of ${command} --json` },
  }));
}

/** The table that leads from a command to its schema. */
export function schemaIndex(): string {
  const rows = [{ command: 'catalog check', fileName: 'catalog-check.schema.json' }, ...commandJsonSchemas()];
  return [
    '# Schemas',
    '',
    'JSON Schema (draft 2020-12). `npm run schemas` writes them from the code; a test fails while they differ.',
    '',
    'What people write in `ops/`: `system`, `remediation-policy`, `notification-route`, and OpenSLO v1 as `openslo-*`; what a deploy publishes: `compiled-catalog`.',
    '',
    'What the commands answer with `--json`. Later versions may add fields, so pass over the ones you do not know; fields are not renamed or taken away.',
    '',
    '| command | schema |',
    '|---|---|',
    ...rows.map(({ command, fileName }) => `| \`${command}\` | [${fileName}](${fileName}) |`),
    '',
    'Exit codes: 0 ok, 1 error (the reason is on standard error), 2 "no" as an answer: a refused target or plan, a doctor with problems.',
    '',
  ].join('\n');
}
