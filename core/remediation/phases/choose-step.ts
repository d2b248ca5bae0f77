import type { ObservePhase, ObservePorts, PhaseContext } from '../phase.ts';
import { chooseNextStep, type PathFacts } from '../paths/path-choice.ts';
import { isRequested } from '../admission/asked.ts';
import { failureModeOf, phasesOf, traitsOf } from '../paths/procedure.ts';

/** What the table of paths asks, read now. */
export async function readPathFacts({ ports, session, policy }: PhaseContext<ObservePorts>): Promise<PathFacts> {
  const { record } = session;
  const { oldInstanceId } = record;
  const [instance, status, capability] = await Promise.all([
    ports.instances.read(oldInstanceId),
    ports.instances.readStatus(oldInstanceId),
    ports.recovery.capability(oldInstanceId),
  ]);
  const isThere = instance !== undefined && instance.state !== 'terminated';
  return {
    now: ports.clock.now(),
    policy: policy.spec,
    isFenced: failureModeOf(record) === 'fenced',
    isRequested: isRequested(record.trigger),
    instance: isThere ? instance : undefined,
    isGroupMember: isThere && (await ports.instances.isGroupMember(oldInstanceId)),
    status,
    capability,
  };
}

/**
 * A step of the ladder did not help, and time has passed since the ways were chosen: the next one that can still help is taken, with its
 * reason (S4-18). Where none can, a person must look.
 */
export const chooseStep: ObservePhase = async (context) => {
  const { record } = context.session;
  const choice = chooseNextStep(await readPathFacts(context), record.nextPaths ?? []);
  if (choice.kind === 'none') return { kind: 'failed', reason: choice.reason };
  const last = record.triedPaths?.at(-1);
  const before = last === undefined ? '' : `${last.path} did not help: ${last.reason}; `;
  return {
    kind: 'done',
    reason: `The next step is ${choice.path}: ${choice.reason}`,
    patch: {
      path: choice.path,
      pathReason: `${before}${choice.reason}`,
      nextPaths: [...choice.nextPaths],
      remaining: [...phasesOf(choice.path, traitsOf(record))],
    },
  };
};
