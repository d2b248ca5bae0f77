import { present } from '../../environment/present.ts';
import { imageRecordType } from '../../images/records.ts';
import { keys } from '../../records/keys.ts';
import { readRecord } from '../../records/record-type.ts';
import type { Capture } from '../surroundings/capture.ts';
import { know, type Known } from '../guardrails/guardrails.ts';
import type { AutoScalingGroupFacts, MemberLaunchSource } from '../surroundings/member-ports.ts';
import type { ActPhase, ObservePorts, PhaseContext } from '../phase.ts';
import { chosenType, decidePreflight, type NeededKey, type PreflightDecision, type PreflightFacts } from '../preflight/preflight.ts';
import type { ImageSnapshot } from '../preflight/preflight-ports.ts';
import type { PathName, Remediation } from '../record.ts';
import { bestCapture } from './capture.ts';
import { readMembers } from './guard.ts';
import { launchRequest } from './launch.ts';

type Context = PhaseContext<ObservePorts>;
type Rehearsal = Extract<NonNullable<PreflightFacts['rehearsal']>, { isKnown: true }>['value'];

/** Whether the image may be used is asked of the parameter's history and of its record; the peers only where neither says so. */
async function readApproval({ ports, session, system }: Context, imageId: string) {
  const { role } = system.spec.image;
  const { groupId, oldInstanceId } = session.record;
  const [history, known] = await Promise.all([
    ports.images.approvedHistory(role),
    readRecord(ports.store, imageRecordType, keys.image(ports.scope, role, imageId)),
  ]);
  const isApproved = history.includes(imageId);
  const peers = isApproved ? [] : await readMembers(ports, system, groupId);
  const isRunByPeers = peers.some((peer) => peer.instanceId !== oldInstanceId && peer.imageId === imageId);
  return { isApproved, isRevoked: known?.body.isRevoked === true, isRunByPeers };
}

async function readImageFacts(context: Context, imageId: string) {
  const { ports, system } = context;
  const [image, approval] = await Promise.all([know(() => ports.images.describe(imageId)), know(() => readApproval(context, imageId))]);
  return { imageId, role: system.spec.image.role, accountId: ports.scope.accountId, image, approval };
}

type ImagePart = Awaited<ReturnType<typeof readImageFacts>>;

/** A key that is needed more than once is asked about once. */
async function readKeys({ ports }: Context, named: readonly Pick<NeededKey, 'keyId' | 'use'>[]): Promise<readonly NeededKey[]> {
  const uses = new Map<string, string[]>();
  for (const { keyId, use } of named) uses.set(keyId, [...(uses.get(keyId) ?? []), use]);
  return Promise.all([...uses].map(async ([keyId, all]) => ({ keyId, use: all.join(', '), state: await know(() => ports.preflight.keyState(keyId)) })));
}

const keysOf = (snapshots: Known<readonly ImageSnapshot[]>): readonly Pick<NeededKey, 'keyId' | 'use'>[] =>
  (snapshots.isKnown ? snapshots.value : []).flatMap(({ kmsKeyId, snapshotId }) =>
    kmsKeyId === undefined ? [] : [{ keyId: kmsKeyId, use: `${snapshotId} of the image` }],
  );

/** What depends on the type and the zone, and on the image: three questions at once. */
async function readSurroundings({ ports }: Context, { image }: ImagePart, candidates: readonly string[], availabilityZone: string) {
  const snapshotIds = image.isKnown ? (image.value?.snapshotIds ?? []) : [];
  const [types, offered, snapshots] = await Promise.all([
    know(() => ports.preflight.instanceTypes(candidates)),
    know(() => ports.preflight.offeredTypes(candidates, availabilityZone)),
    know(() => ports.preflight.snapshots(snapshotIds)),
  ]);
  return { candidates, availabilityZone, types, offered, snapshots };
}

const exists = ({ image }: ImagePart): boolean => image.isKnown && image.value !== undefined;

/** The dry run comes last, with the type that would be launched. */
type Rehearse = (instanceType: string | undefined) => Promise<Rehearsal>;

async function rehearseOn(part: ImagePart, rehearse: Rehearse | undefined, instanceType: string | undefined): Promise<Pick<PreflightFacts, 'rehearsal'>> {
  return rehearse === undefined || !exists(part) ? {} : { rehearsal: await know(() => rehearse(instanceType)) };
}

/** @param way of the repair; without `rehearse` there is no dry run (in a plan) */
export async function preflightReplacement(
  context: Context,
  way: { readonly imageId: string; readonly path: PathName | undefined },
  capture: Capture,
  part: ImagePart,
  rehearse?: Rehearse,
): Promise<PreflightDecision> {
  const { ports, policy } = context;
  const { subnetId, volumes } = capture;
  const candidates = [...new Set([capture.instanceType, ...policy.spec.instanceTypes])];
  const [surroundings, freeAddresses] = await Promise.all([
    readSurroundings(context, part, candidates, capture.availabilityZone),
    know(() => ports.preflight.freeAddresses(subnetId)),
  ]);
  // Also of volumes that move: attaching them needs their key as well.
  const captured = volumes.flatMap(({ kmsKeyId, deviceName }) => (kmsKeyId === undefined ? [] : [{ keyId: kmsKeyId, use: `the volume at ${deviceName}` }]));
  const [needed, rehearsal] = await Promise.all([
    readKeys(context, [...keysOf(surroundings.snapshots), ...captured]),
    rehearseOn(part, rehearse, chosenType({ ...part, ...surroundings, ...present({ architecture: capture.architecture }) })),
  ]);
  const root = volumes.find(({ isRoot }) => isRoot);
  return decidePreflight({
    launchedBy: 'perennial',
    ...part,
    ...surroundings,
    ...rehearsal,
    architecture: capture.architecture,
    ...(way.path === 'root-swap' && root !== undefined ? { minimumRootGiB: root.sizeGiB } : {}),
    keys: needed,
    subnet: { subnetId, freeAddresses },
    tagCount: Object.keys(launchRequest(context.session.record, context.system, capture, way.imageId).tags).length,
  });
}

/** Of what the group would launch in the place of the member. */
export async function preflightMemberLaunch(
  context: Context,
  { imageId, instanceTypes, kmsKeyIds }: MemberLaunchSource & { readonly imageId: string },
  group: AutoScalingGroupFacts,
  rehearse?: () => Promise<Rehearsal>,
): Promise<PreflightDecision> {
  const { oldInstanceId } = context.session.record;
  const zone = group.members.find(({ instanceId }) => instanceId === oldInstanceId)?.availabilityZone ?? group.members[0]?.availabilityZone;
  const part = await readImageFacts(context, imageId);
  const surroundings = await readSurroundings(context, part, zone === undefined ? [] : instanceTypes, zone ?? 'no zone');
  const templated = kmsKeyIds.map((keyId) => ({ keyId, use: 'volumes by the launch template' }));
  const [needed, rehearsal] = await Promise.all([readKeys(context, [...keysOf(surroundings.snapshots), ...templated]), rehearseOn(part, rehearse, undefined)]);
  return decidePreflight({ launchedBy: 'group', ...part, ...surroundings, ...rehearsal, keys: needed });
}

/** What a plan can ask of a replacement; nothing where there is nothing to launch from. */
export async function planPreflight(context: Context, path: PathName, imageId: string | null, capture: Capture | undefined): Promise<PreflightDecision> {
  if (imageId === null || capture === undefined) return { verdicts: [], failures: [], unfitTypes: [] };
  return preflightReplacement(context, { imageId, path }, capture, await readImageFacts(context, imageId));
}

/** What was found, in one line: the rows that say more than that all is well. */
export function preflightWords({ verdicts }: PreflightDecision): string {
  const telling = ['launch rehearsal', 'instance type', 'encryption keys'];
  return verdicts
    .filter(({ name, verdict }) => verdict === 'pass' && telling.includes(name))
    .map(({ reason }) => reason)
    .join('; ');
}

/** What was found, for whoever asks about the repair later; and the types that the launch leaves out. */
export function preflightPatch({ verdicts, unfitTypes }: PreflightDecision): Pick<Remediation, 'preflight' | 'unfitTypes'> {
  return { preflight: [...verdicts], ...(unfitTypes.length === 0 ? {} : { unfitTypes: unfitTypes.map(({ instanceType }) => instanceType) }) };
}

/** Everything that could make the launch fail is asked before the old instance is touched. */
export const preflight: ActPhase = async (context) => {
  const { ports, session, system } = context;
  const { imageId, path, oldInstanceId } = session.record;
  if (imageId === undefined) return { kind: 'failed', reason: 'No image was chosen' };
  const [part, capture] = await Promise.all([readImageFacts(context, imageId), bestCapture(context)]);
  if (capture === undefined) return { kind: 'failed', reason: `${oldInstanceId} is gone and no capture of it was kept` };
  const decision = await preflightReplacement(context, { imageId, path }, capture, part, (instanceType = capture.instanceType) =>
    ports.launcher.rehearse({
      ...launchRequest(session.record, system, capture, imageId),
      ...(instanceType === capture.instanceType ? {} : { instanceType }),
    }),
  );
  const patch = preflightPatch(decision);
  return decision.failures.length === 0
    ? { kind: 'done', reason: preflightWords(decision), patch }
    : { kind: 'failed', reason: decision.failures.join('; '), patch };
};
