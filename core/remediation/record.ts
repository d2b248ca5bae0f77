import * as z from 'zod/mini';
import { lists } from '../records/keys.ts';
import type { RecordType } from '../records/record-type.ts';

/** Names of the phases, in design section 7's order; the procedure says which apply. */
export const phaseNames = [
  'confirm',
  'guard',
  'await-approval',
  'launch-throwaway',
  'await-throwaway',
  'preflight',
  'capture',
  'evidence',
  'defuse',
  'snapshot',
  'fence',
  'launch',
  'await-running',
  'move-volumes',
  'move-interfaces',
  'register',
  'await-healthy',
  'move-addresses',
  'move-records',
  'move-associations',
  'deregister',
  'drain',
  'transfer-alarms',
  'quarantine',
  'rearm',
  'verify',
  'deregister-new',
  'return-associations',
  'return-records',
  'return-addresses',
  'return-interfaces',
  'quarantine-new',
  'return-volumes',
  'start-old',
  'await-old-running',
  'register-old',
  'rearm-old',
  'restore-old',
  'release-old',
  'await-old-healthy',
  'prove-old',
  'return-new',
  'choose-step',
  'await-native-recovery',
  'restart-process',
  'reboot',
  'swap-root',
  'await-swap',
  'keep-root',
  'await-recovered',
  'preflight-member',
  'replace-member',
  'complete-hooks',
  'await-member',
  'quarantine-member',
  'verify-serving',
  'finish',
] as const;
export const phaseNameSchema = z.enum(phaseNames);
export type PhaseName = z.infer<typeof phaseNameSchema>;

/** The ways to repair; the procedure says which phases each has. */
export const pathNames = ['replace', 'revert', 'revert-fenced', 'drill', 'native-recovery', 'restart', 'reboot', 'root-swap', 'group-member'] as const;
export const pathNameSchema = z.enum(pathNames);
export type PathName = z.infer<typeof pathNameSchema>;

/** What moves from an instance to its replacement beside what the launch gives it. */
export const partNames = ['volumes', 'interfaces', 'addresses', 'records', 'associations'] as const;
export type PartName = (typeof partNames)[number];

/** How a remediation can end; `running` is the only open one. */
export const remediationStateSchema = z.enum(['running', 'succeeded', 'failed', 'vetoed', 'would-have', 'stood-down']);
export type RemediationState = z.infer<typeof remediationStateSchema>;

/** Intent and outcome of one mutating call: intent before it, outcome after it (design section 4). */
const callSchema = z.object({
  attempt: z.number(),
  intentAt: z.string(),
  outcomeAt: z.optional(z.string()),
  result: z.optional(z.record(z.string(), z.string())),
});

export const remediationSchema = z.object({
  id: z.string(),
  accountId: z.string(),
  region: z.string(),
  slotId: z.string(),
  groupId: z.string(),
  system: z.string(),
  incidentId: z.string(),
  /** 1 for the first attempt on the slot in the rolling 24 h. */
  attempt: z.number(),
  executionName: z.string(),
  procedureVersion: z.number(),
  topology: z.enum(['multiple', 'single']),
  /** The old instance is stopped before its replacement runs; absent before procedure version 2. */
  isFenced: z.optional(z.boolean()),
  /** What moves, as its capture found it; absent before that, and where nothing does. */
  parts: z.optional(z.array(z.enum(partNames))),
  /** The path being taken, and why this one; `replace` where it is absent. */
  path: z.optional(pathNameSchema),
  pathReason: z.optional(z.string()),
  /** The steps of the ladder that follow when this path does not help. */
  nextPaths: z.optional(z.array(pathNameSchema)),
  /** Paths that were tried before the present one, and what each gave (S4-18). */
  triedPaths: z.optional(z.array(z.object({ path: pathNameSchema, startedAt: z.string(), endedAt: z.string(), reason: z.string() }))),
  /** Somebody asked for its end: it goes to its nearest safe point, like under a pause. */
  abort: z.optional(z.object({ by: z.string(), reason: z.string(), at: z.string() })),
  /** Who asked for it, when no trouble did: a replacement, a way back or a drill by hand. */
  request: z.optional(z.object({ by: z.string(), reason: z.string(), at: z.string() })),
  /** A person was asked, with what they had to know; `granted` once somebody said yes in time. */
  approval: z.optional(
    z.object({
      requestedAt: z.string(),
      expiresAt: z.string(),
      /** What the guardrails found that only a person may pass. */
      findings: z.array(z.string()),
      plan: z.object({ phases: z.array(phaseNameSchema), imageId: z.optional(z.string()), kept: z.array(z.string()), cannotKeep: z.array(z.string()) }),
      granted: z.optional(z.object({ by: z.string(), at: z.string() })),
    }),
  ),
  /** It stands still since `at`, because somebody froze Perennial; gone when it goes on. */
  frozen: z.optional(z.object({ at: z.string(), target: z.string(), by: z.string(), reason: z.string(), pagedAt: z.optional(z.string()) })),
  /** How long the present phase has been frozen: its deadline does not run out meanwhile. */
  frozenSeconds: z.optional(z.number()),
  /** The remediation that this one takes back: its old instance returns, its replacement goes. */
  revertOf: z.optional(z.string()),
  /** A drill: the group it learns for, and the healthy member that its throw-away instance is a copy of. */
  drill: z.optional(z.object({ groupId: z.string(), modelInstanceId: z.optional(z.string()) })),
  mode: z.enum(['dry-run', 'approve', 'auto']),
  isDrill: z.boolean(),
  trigger: z.object({
    kind: z.string(),
    rule: z.string(),
    fingerprint: z.string(),
    at: z.string(),
    summary: z.string(),
    /** The alarm that speaks now, when the trigger is an alarm. */
    alarmName: z.optional(z.string()),
    /** The name policies list: the original of a cloned alarm. */
    originalAlarmName: z.optional(z.string()),
  }),
  oldInstanceId: z.string(),
  newInstanceId: z.optional(z.string()),
  imageId: z.optional(z.string()),
  imageReason: z.optional(z.string()),
  state: remediationStateSchema,
  /** Why it is in this state, for a person. */
  reason: z.string(),
  phase: phaseNameSchema,
  phaseStartedAt: z.string(),
  /** The phases still to run after the present one. */
  remaining: z.array(phaseNameSchema),
  /** Set once something failed: what failed; the remaining phases then compensate. */
  failure: z.optional(z.object({ phase: phaseNameSchema, reason: z.string(), guardrail: z.optional(z.string()) })),
  /** What the present phase remembers between reads, for example how many healthy reads in a row. */
  memory: z.record(z.string(), z.union([z.string(), z.number()])),
  phases: z.array(
    z.object({
      name: phaseNameSchema,
      startedAt: z.string(),
      endedAt: z.string(),
      outcome: z.enum(['done', 'failed', 'vetoed', 'skipped']),
      reason: z.string(),
    }),
  ),
  guardrails: z.array(z.object({ name: z.string(), verdict: z.enum(['pass', 'veto', 'approve']), reason: z.string() })),
  calls: z.record(z.string(), callSchema),
  timing: z.object({
    detectedAt: z.string(),
    decidedAt: z.string(),
    launchedAt: z.optional(z.string()),
    inServiceAt: z.optional(z.string()),
    verifiedAt: z.optional(z.string()),
    endedAt: z.optional(z.string()),
  }),
  rtoSeconds: z.number(),
  /** Detected to in service, in seconds. */
  recoverySeconds: z.optional(z.number()),
  isRtoMet: z.optional(z.boolean()),
  pageAt: z.string(),
  /** What differs from the old instance, in words (S0-09, S0-17). */
  differences: z.array(z.string()),
  captureAgeSeconds: z.optional(z.number()),
  /** What the rehearsal of the launch found, row by row; absent before it, and in records of before it was kept. */
  preflight: z.optional(z.array(z.object({ name: z.string(), verdict: z.enum(['pass', 'stop', 'unread', 'not-asked']), reason: z.string() }))),
  /** Types of the policy that the image does not fit: the launch leaves them out. */
  unfitTypes: z.optional(z.array(z.string())),
});
export type Remediation = z.infer<typeof remediationSchema>;

export const remediationType: RecordType<Remediation> = {
  name: 'remediation',
  schema: remediationSchema,
  listing: (body) => (body.state === 'running' ? lists.runningRemediation(body, body.id) : undefined),
};

/** The place an instance holds; survives instance ids. Its lock is `remediationId`. */
export const slotSchema = z.object({
  id: z.string(),
  system: z.string(),
  groupId: z.string(),
  instanceId: z.string(),
  retiredInstanceIds: z.array(z.string()),
  /** The remediation that holds the slot; absent when it is free. */
  remediationId: z.optional(z.string()),
  /** When attempts started, newest last; only the last 24 h are kept. */
  attempts: z.array(z.string()),
  /** Attempts that failed since the last one that worked; image choice falls back after one. */
  failuresInARow: z.optional(z.number()),
  /** Of the place where a system's drills run: when the last one passed. */
  drillPassedAt: z.optional(z.string()),
});
export type Slot = z.infer<typeof slotSchema>;
export const slotType: RecordType<Slot> = { name: 'slot', schema: slotSchema };

/** Group = system × role × account-region: the denominator of every percentage. */
export const groupSchema = z.object({
  id: z.string(),
  inFlight: z.array(z.string()),
  /** When replacements of the group did not come up or did not stay healthy, newest last; the last 24 h. Three suspend the group. */
  failedReplacements: z.optional(z.array(z.string())),
  /** Slots with a trouble signal that still fires, and since when. */
  unhealthy: z.array(
    z.object({
      slotId: z.string(),
      at: z.string(),
      /** Which of the members that share the slot; only of members of an Auto Scaling group. */
      instanceId: z.optional(z.string()),
    }),
  ),
  breaker: z.object({
    state: z.enum(['closed', 'open']),
    since: z.optional(z.string()),
    /** The one probe replacement that may pass while the breaker is open. */
    probeRemediationId: z.optional(z.string()),
    isProbeFailed: z.boolean(),
    /** Since when the unhealthy count has been under the limit. */
    calmSince: z.optional(z.string()),
  }),
});
export type Group = z.infer<typeof groupSchema>;
export const groupType: RecordType<Group> = { name: 'group', schema: groupSchema };

/** Caps of the whole account-region. */
export const platformSchema = z.object({
  inFlight: z.array(z.string()),
  /** Starts of the last hour, newest last. */
  starts: z.array(z.string()),
  /** Systems with an unhealthy instance, and when it was last seen. */
  unhealthySystems: z.array(z.object({ system: z.string(), at: z.string() })),
  breaker: z.object({ state: z.enum(['closed', 'open']), since: z.optional(z.string()), calmSince: z.optional(z.string()) }),
  /** Slots whose trouble lasts and what they share with others, oldest first; at most 200, at most a day. */
  troubles: z.optional(
    z.array(
      z.object({
        slotId: z.string(),
        groupId: z.string(),
        groupMembers: z.number(),
        /** The trouble is the same for as long as its incident is. */
        incidentId: z.string(),
        /** When it was first heard of. */
        at: z.string(),
        /** `zone:<name>`, `image:<id>`, `deployment:<id>`; at most 6. */
        causes: z.array(z.string()),
        /** The repair that was claimed last. */
        remediationId: z.optional(z.string()),
      }),
    ),
  ),
  /** The open circuit breakers of shared causes; a closed one is not listed. At most 50. */
  causeBreakers: z.optional(
    z.array(
      z.object({
        cause: z.string(),
        since: z.string(),
        /** The one probe replacement that may pass while it is open. */
        probeRemediationId: z.optional(z.string()),
        isProbeFailed: z.boolean(),
        calmSince: z.optional(z.string()),
      }),
    ),
  ),
});
export type Platform = z.infer<typeof platformSchema>;
export const platformType: RecordType<Platform> = { name: 'platform', schema: platformSchema };

/** A pause switch: `global` or `system#<name>`. */
export const pauseSchema = z.object({
  target: z.string(),
  isPaused: z.boolean(),
  /** The literal stop: running repairs stay where they are. Never without `isPaused`. */
  isFrozen: z.optional(z.boolean()),
  by: z.string(),
  reason: z.string(),
  at: z.string(),
});
export type Pause = z.infer<typeof pauseSchema>;
export const pauseType: RecordType<Pause> = { name: 'pause', schema: pauseSchema };
