import type { MaintenanceWindow, RemediationPolicy, System } from '../../catalog/schema.ts';
import type { Hasher } from '../../environment/ports.ts';
import { present } from '../../environment/present.ts';
import { keys } from '../../records/keys.ts';
import { readRecord } from '../../records/record-type.ts';
import { buildRemediation } from '../admission/admit.ts';
import { closedBreaker } from '../guardrails/breaker.ts';
import { replacementRowOf } from '../guardrails/capability.ts';
import { type ClaimState, decideClaim, emptyPlatform } from '../admission/claim.ts';
import { evaluateGuardrails, type GuardrailFacts, type GuardrailVerdict } from '../guardrails/guardrails.ts';
import type { Capture } from '../surroundings/capture.ts';
import { keptOf } from './kept.ts';
import type { ObservePorts, PhaseContext } from '../phase.ts';
import type { PreflightVerdict } from '../preflight/preflight.ts';
import { bestCapture, traitsWith } from '../phases/capture.ts';
import { readFacts } from '../phases/guard.ts';
import { findGroup } from '../phases/members.ts';
import { planPreflight, preflightMemberLaunch } from '../phases/preflight.ts';
import { allPhasesOf, rowOf } from './procedure.ts';
import { groupType, type PathName, type PhaseName, platformType, type Remediation, slotType } from '../record.ts';
import { RemediationSession } from '../driver/session.ts';

/** What would happen if this instance were replaced now; nothing is touched and nothing is written. */
export interface Plan {
  readonly instanceId: string;
  readonly system: string;
  readonly mode: RemediationPolicy['spec']['mode'];
  readonly topology: System['spec']['topology'];
  /** The way that would be taken, and why; null when none can help. */
  readonly path: PathName | null;
  readonly pathReason: string;
  /** The steps that would follow if it does not help. */
  readonly nextPaths: readonly PathName[];
  readonly phases: readonly { readonly name: PhaseName; readonly role: 'observe' | 'act'; readonly summary: string }[];
  readonly guardrails: readonly GuardrailVerdict[];
  /** What is asked of the launch before anything is touched; empty where the way launches nothing. */
  readonly preflight: readonly PreflightVerdict[];
  /** The guardrails that would stop it, in words; empty when it may go on. */
  readonly wouldStop: readonly string[];
  readonly imageId: string | null;
  readonly kept: readonly string[];
  readonly cannotKeep: readonly string[];
}

export interface PlanRequest {
  readonly system: System;
  readonly policy: RemediationPolicy;
  /** `memberId`: the slot is shared by members of an Auto Scaling group, and the plan is for this one. */
  readonly slot: { readonly id: string; readonly groupId: string; readonly instanceId: string; readonly memberId?: string };
  readonly trigger: Remediation['trigger'];
  readonly groupMembers: number;
  readonly systemsInCatalog: number;
  /** Maintenance windows of the catalog in force. */
  readonly windows?: readonly MaintenanceWindow[];
  /** Who asks for it by hand: what speaks of a failing instance does not apply then. */
  readonly request?: NonNullable<Remediation['request']>;
}

/** Plans a replacement with the same guardrails, facts and phases that the real one would use. */
export async function planReplacement(ports: ObservePorts, hasher: Hasher, request: PlanRequest): Promise<Plan> {
  const now = ports.clock.now();
  const record = buildRemediation({ scope: ports.scope, hasher }, { ...request, incidentId: 'inc-plan' }, 'rem-plan', 1, now, 0);
  const session = new RemediationSession(ports.store, ports.clock, { key: keys.remediation(ports.scope, record.id), version: 0, body: record });
  const context = { ports, session, system: request.system, policy: request.policy, windows: request.windows ?? [] };
  const claim = await rehearseClaim(ports, request, record);
  const facts = await readFacts(context, claim.facts);
  const { verdicts } = evaluateGuardrails(facts);
  const capture = await bestCapture(context);
  const image = facts.image.isKnown && facts.image.value.kind === 'chosen' ? facts.image.value.imageId : null;
  const way = wayOf(facts.path);
  const isByGroup = way.path === 'group-member';
  const preflight = await rehearseLaunch(context, way, image, capture);
  const { keeps, cannotKeep } = replacementRowOf({ instance: undefined, isGroupMember: true, isFenced: false, capability: undefined });
  return {
    instanceId: record.oldInstanceId,
    system: record.system,
    mode: record.mode,
    topology: record.topology,
    ...way,
    phases: allPhasesOf(way.path ?? record.path ?? 'replace', traitsWith(record, capture)).map((name) => ({
      name,
      role: rowOf(name).role,
      summary: rowOf(name).summary,
    })),
    guardrails: verdicts,
    preflight,
    wouldStop: [
      ...claim.refusals.map(({ guardrail, reason }) => `${guardrail}: ${reason}`),
      // What the claim would be refused for is not said twice.
      ...verdicts
        .filter(({ name, verdict }) => verdict !== 'pass' && !claim.refusals.some(({ guardrail }) => guardrail === name))
        .map(({ name, reason }) => `${name}: ${reason}`),
      // What the operator may not read is shown, and no verdict: the repair reads it with permissions of its own.
      ...preflight.filter(({ verdict }) => verdict === 'stop').map(({ name, reason }) => `preflight, ${name}: ${reason}`),
    ],
    imageId: isByGroup ? null : image,
    kept: isByGroup ? [keeps] : keptOf(capture),
    cannotKeep: isByGroup ? [cannotKeep] : (capture?.cannotKeep ?? ['everything: the instance is gone and no capture of it was kept']),
  };
}

/** The preflight of the first way that launches something. */
async function rehearseLaunch(
  context: PhaseContext<ObservePorts>,
  { path, nextPaths }: Pick<Plan, 'path' | 'nextPaths'>,
  imageId: string | null,
  capture: Capture | undefined,
): Promise<readonly PreflightVerdict[]> {
  if (path === 'group-member') return rehearseMember(context);
  const launching = [path ?? [], ...nextPaths].flat().find((name) => allPhasesOf(name, traitsWith(context.session.record, capture)).includes('preflight'));
  return launching === undefined ? [] : (await planPreflight(context, launching, imageId, capture)).verdicts;
}

async function rehearseMember(context: PhaseContext<ObservePorts>): Promise<readonly PreflightVerdict[]> {
  const group = await findGroup(context);
  const source = group === undefined ? undefined : await context.ports.groups.launchSource(group);
  if (group === undefined || source?.imageId === undefined)
    return [{ name: 'image', verdict: 'stop', reason: 'what the group launches from is gone or names no image' }];
  return (await preflightMemberLaunch(context, { ...source, imageId: source.imageId }, group)).verdicts;
}

/** The way that the guard phase would choose now. */
function wayOf(path: GuardrailFacts['path']): Pick<Plan, 'path' | 'pathReason' | 'nextPaths'> {
  if (!path.isKnown) return { path: null, pathReason: `The way to repair is not known: ${path.why}`, nextPaths: [] };
  const { value } = path;
  return value.kind === 'none'
    ? { path: null, pathReason: value.reason, nextPaths: [] }
    : { path: value.path, pathReason: value.reason, nextPaths: value.nextPaths };
}

const known = <Value>(value: Value): { readonly isKnown: true; readonly value: Value } => ({ isKnown: true, value });

/** The claim as it would be decided, without writing it. */
async function rehearseClaim({ store, scope, clock }: ObservePorts, request: PlanRequest, record: Remediation) {
  const { slot: place, system } = request;
  const { id, groupId, instanceId, memberId } = place;
  const [slot, group, platform] = [
    (await readRecord(store, slotType, keys.slot(scope, id)))?.body ?? {
      id,
      groupId,
      instanceId,
      system: system.metadata.name,
      retiredInstanceIds: [],
      attempts: [],
    },
    (await readRecord(store, groupType, keys.group(scope, groupId)))?.body ?? { id: groupId, inFlight: [], unhealthy: [], breaker: closedBreaker },
    (await readRecord(store, platformType, keys.platform(scope)))?.body ?? emptyPlatform,
  ];
  const rule = { ...request, ...present({ memberId, course: request.request === undefined ? undefined : ('replace' as const) }) };
  const decision = decideClaim({ slot, group, platform }, rule, record.id, clock.now());
  const { state, refusals } =
    decision.kind === 'claim' ? { state: decision.state, refusals: [] } : { state: placed(decision.state, record.id), refusals: [decision] };
  return { facts: { slot: known(state.slot), group: known(state.group), platform: known(state.platform) }, refusals };
}

/** A claim that is refused takes no place; the guardrails behind it are asked as if it had, or they would only say that it has none. */
function placed({ slot, group, platform }: ClaimState, remediationId: string): ClaimState {
  return {
    slot: { remediationId, ...slot },
    group: { ...group, inFlight: [...group.inFlight, remediationId] },
    platform: { ...platform, inFlight: [...platform.inFlight, remediationId] },
  };
}
