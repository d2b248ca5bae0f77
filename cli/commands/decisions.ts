import { tagKeys } from '../../core/inventory/records.ts';
import type { InstanceFacts } from '../../core/remediation/ports.ts';
import { abortRemediation, approveRemediation, type RequestAnswer } from '../../core/remediation/admission/requests.ts';
import { CliError } from '../cli-error.ts';
import { type Answer, ok } from '../output.ts';
import type { DecisionAnswer, HoldAnswer } from '../schemas.ts';
import { commandFor, headerOf, type Target } from '../target.ts';

const portsOf = ({ records, scope, clock }: Target) => ({ store: records, scope, clock });

/** `perennial approve <remediation>`: yes to the plan that a repair waits with. */
export async function approve(target: Target, remediationId: string, by = target.operator): Promise<Answer> {
  return answerOf(target, await approveRemediation(portsOf(target), remediationId, by), by);
}

/** `perennial abort <remediation>`: to the nearest safe point, undone before the drain, finished after it. */
export async function abort(target: Target, remediationId: string, reason: string): Promise<Answer> {
  if (reason.trim() === '') throw new CliError('An abort needs a reason: others will ask at night. Say it with --reason "wrong alarm".');
  return answerOf(target, await abortRemediation(portsOf(target), remediationId, target.operator, reason), target.operator);
}

function answerOf(target: Target, answer: RequestAnswer, by: string): Answer {
  if (answer.kind === 'refused') throw new CliError(`${answer.reason} See: ${commandFor(target, 'remediations')}`);
  const { id, system, state, timing, phase } = answer.remediation;
  const json: DecisionAnswer = { id, system, state, startedAt: timing.decidedAt, reason: answer.reason, phase, by, isChanged: answer.kind === 'accepted' };
  return ok(json, [headerOf(target), answer.reason, `Watch it: ${commandFor(target, `remediations ${id}`)}`].join('\n'));
}

/** A tag value has at most 256 characters: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions */
const MAX_TAG_CHARACTERS = 256;

interface HoldOptions {
  readonly isReleased: boolean;
  readonly reason: string;
}

/** `perennial hold <instance>`: with the tag nothing repairs or reaps it. Written with the rights of whoever types: our roles may not. */
export async function hold(target: Target, instanceId: string, { isReleased, reason }: HoldOptions): Promise<Answer> {
  const { tags } = await readHoldable(target, instanceId);
  const before = tags[tagKeys.hold];
  const value = `${target.operator}: ${reason}`.slice(0, MAX_TAG_CHARACTERS);
  const isChanged = isReleased ? before !== undefined : before !== value;
  if (isChanged) await (isReleased ? target.tags.remove(instanceId, tagKeys.hold) : target.tags.set(instanceId, tagKeys.hold, value));
  const item = { id: instanceId, system: tags[tagKeys.system] ?? null, startedAt: target.clock.now(), isChanged };
  const json: HoldAnswer = isReleased ? { ...item, state: 'released', reason: before ?? 'It was not on hold' } : { ...item, state: 'held', reason: value };
  return ok(json, [headerOf(target), ...(isReleased ? releasedLines(instanceId, before) : heldLines(target, instanceId, value))].join('\n'));
}

/** By EC2 itself: what the inventory does not know yet may be held too. */
async function readHoldable(target: Target, instanceId: string): Promise<InstanceFacts> {
  const { accountId, region } = target.scope;
  const instance = await target.fleet.observe().instances.read(instanceId);
  if (instance === undefined)
    throw new CliError(
      `EC2 knows no instance ${instanceId} in ${accountId}/${region}. Nothing was tagged. Is the id right? ${commandFor(target, 'inventory list')}`,
    );
  if (instance.state === 'terminated' || instance.state === 'shutting-down')
    throw new CliError(`${instanceId} is ${instance.state}; there is nothing to hold. Nothing was tagged.`);
  return instance;
}

function releasedLines(instanceId: string, before: string | undefined): readonly string[] {
  return [
    before === undefined ? `${instanceId} was not on hold.` : `${instanceId} is released: it is repaired again like every other. It was held with: ${before}`,
  ];
}

function heldLines(target: Target, instanceId: string, value: string): readonly string[] {
  return [
    `${instanceId} is on hold (${value}): no repair touches it, and the reaper keeps it, until it is released. Repairs under way go on.`,
    `Release it: ${commandFor(target, `hold ${instanceId} --release`)}`,
  ];
}
