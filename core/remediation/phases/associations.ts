import type { CapturedAssociation } from '../surroundings/capture.ts';
import type { ActPhase, ActPorts, PhaseContext, PhaseResult } from '../phase.ts';
import { storedCapture } from './capture.ts';
import { backward, type Direction, forward, left, moveEach, moving, type Progress, there } from './moving.ts';

/* Associations that find their instances by tag find the replacement by themselves: it carries the same tags. */

type Context = PhaseContext<ActPorts>;

export const moveAssociations: ActPhase = (context) => forward(context, (direction) => retarget(context, direction));
export const returnAssociations: ActPhase = (context) => backward(context, 'move-associations', (direction) => retarget(context, direction));

async function retarget(context: Context, direction: Direction): Promise<PhaseResult> {
  const { associations = [] } = await storedCapture(context);
  return moveEach(
    context.session.record,
    associations,
    ({ associationId, documentName }) => `${associationId} (${documentName}) for ${direction.to}`,
    (association) => retargetOne(context, association, direction),
  );
}

async function retargetOne({ ports, session }: Context, { associationId }: CapturedAssociation, { verb, from, to }: Direction): Promise<Progress> {
  const targets = await ports.associations.targets(associationId);
  if (targets === undefined) return left(`the association ${associationId} (it does not exist any more)`);
  if (targets.includes(to) && !targets.includes(from)) return there;
  if (!targets.includes(from)) return left(`the association ${associationId} (it names neither ${from} nor ${to} any more)`);
  await session.mutate(`${verb}:association:${associationId}`, () => ports.associations.retarget(associationId, from, to).then(() => undefined));
  return moving(`The association ${associationId} still names ${from}`);
}
