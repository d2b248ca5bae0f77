import { present } from '../../environment/present.ts';
import { tagKeys } from '../../inventory/records.ts';
import { readLineage } from '../../images/lineage.ts';
import { keys } from '../../records/keys.ts';
import { evaluateGuardrails, know } from '../guardrails/guardrails.ts';
import type { ImageChoice } from '../guardrails/image-choice.ts';
import type { ObservePhase, ObservePorts, PhaseContext, PhaseResult } from '../phase.ts';
import type { InstanceFacts } from '../ports.ts';
import { RemediationSession } from '../driver/session.ts';
import { chosenOf, guard, readFacts, readMembers, vetoOf } from './guard.ts';

/** Asks the guardrails that apply: to a repair all, to a way back and a drill fewer (the table says which). */
export const guardAny: ObservePhase = (context) => {
  const { revertOf, isDrill } = context.session.record;
  if (revertOf !== undefined) return guardRevert(context, revertOf);
  return isDrill ? guardDrill(context) : guard(context);
};

async function guardRevert(context: PhaseContext<ObservePorts>, revertOf: string): Promise<PhaseResult> {
  const facts = await readFacts(context);
  const { verdicts } = evaluateGuardrails(facts);
  const veto = vetoOf(verdicts);
  if (veto !== undefined) return veto;
  const { oldInstanceId } = context.session.record;
  const imageId = facts.instance.isKnown ? facts.instance.value?.imageId : undefined;
  return {
    kind: 'done',
    reason: `${oldInstanceId} is in quarantine and may return; ${revertOf} is taken back`,
    patch: { guardrails: [...verdicts], ...present({ imageId }), imageReason: `${oldInstanceId} returns on the image it ran` },
  };
}

/** A drill is a copy of a healthy member, and never touches that member. */
const guardDrill: ObservePhase = async (context) => {
  const { ports, session, system } = context;
  const { record } = session;
  const groupId = record.drill?.groupId ?? '';
  const model = await chooseModel(context, groupId);
  if (model === undefined) return noModel(groupId);
  // The guardrails look at the member; the record itself never names it as an instance to repair.
  const key = keys.remediation(ports.scope, record.id);
  const looking = new RemediationSession(ports.store, ports.clock, { key, version: session.version, body: { ...record, oldInstanceId: model.instanceId } });
  const facts = { ...(await readFacts({ ...context, session: looking })), image: await know(() => readDrillImage(ports, system.spec.image.role)) };
  const { verdicts } = evaluateGuardrails(facts);
  const veto = vetoOf(verdicts);
  if (veto !== undefined) return veto;
  const image = chosenOf(facts.image);
  if (image === undefined) return { kind: 'failed', reason: 'The image to launch is not known though no guardrail vetoes' };
  const { imageId, reason } = image;
  return {
    kind: 'done',
    reason: `A drill on a copy of ${model.instanceId}; ${reason}`,
    patch: { guardrails: [...verdicts], imageId, imageReason: reason, drill: { groupId, modelInstanceId: model.instanceId } },
  };
};

const noModel = (groupId: string): PhaseResult => ({
  kind: 'vetoed',
  guardrail: 'capability',
  reason: `${groupId} has no healthy member to make a copy of; while it has none, a drill is not what it needs`,
});

/** Running, not set apart, healthy wherever it is a target; the first by id, so that a repetition finds the same. */
async function chooseModel({ ports, system }: PhaseContext<ObservePorts>, groupId: string): Promise<InstanceFacts | undefined> {
  const members = (await readMembers(ports, system, groupId)).filter(({ tags }) => tags[tagKeys.hold] === undefined);
  const targets = await ports.targets.registered(system.spec.targetGroups);
  const isHealthy = ({ instanceId }: InstanceFacts): boolean => {
    const own = targets.filter((target) => target.instanceId === instanceId);
    return own.every(({ state }) => state === 'healthy') && (system.spec.targetGroups.length === 0 || own.length > 0);
  };
  return members.filter(isHealthy).toSorted((left, right) => (left.instanceId < right.instanceId ? -1 : 1))[0];
}

/** The newest approved image, seen at work or not: to see it at work is what the drill is for. */
async function readDrillImage({ images, store, scope }: ObservePorts, role: string): Promise<ImageChoice> {
  const history = await images.approvedHistory(role);
  const revoked = new Set((await readLineage(store, scope, role)).flatMap(({ imageId, isRevoked }) => (isRevoked ? [imageId] : [])));
  const imageId = history.find((candidate) => !revoked.has(candidate));
  return imageId === undefined
    ? { kind: 'none', reason: 'The role has no approved image: its parameter does not exist, or all are revoked' }
    : { kind: 'chosen', imageId, reason: `${imageId} is the newest approved image` };
}
