import type { Known } from '../guardrails/guardrails.ts';
import type { ImageFacts } from '../ports.ts';
import type { ImageSnapshot, InstanceTypeFacts } from './preflight-ports.ts';

/*
 * Whether a launch can work, asked before anything is touched: a table. Every row is asked, and all that would stop the launch is told at
 * once. What the rows cannot prove (that there is capacity, that the grant on a key is given) the launch itself shows: `running` must persist.
 */

/** A key that the launch, or what moves to the replacement, needs; and what for. */
export interface NeededKey {
  readonly keyId: string;
  readonly use: string;
  /** `undefined`: there is no such key. */
  readonly state: Known<string | undefined>;
}

/** Everything that the rows look at, read right before they are asked. */
export interface PreflightFacts {
  /** Who calls RunInstances: the act function, or EC2 Auto Scaling for a member of its group. */
  readonly launchedBy: 'perennial' | 'group';
  readonly accountId: string;
  readonly imageId: string;
  /** Whose approved images count. */
  readonly role: string;
  /** `undefined`: EC2 says there is no such image. */
  readonly image: Known<ImageFacts | undefined>;
  readonly approval: Known<{ readonly isApproved: boolean; readonly isRevoked: boolean; readonly isRunByPeers: boolean }>;
  /** Of the old instance, where it must stay. */
  readonly architecture?: string;
  /** Where the root of the old instance is exchanged: what the new one must hold. */
  readonly minimumRootGiB?: number;
  readonly availabilityZone: string;
  /** In the order in which they are tried; empty where a group chooses by requirements. */
  readonly candidates: readonly string[];
  readonly types: Known<readonly InstanceTypeFacts[]>;
  /** Those of the candidates that the zone offers. */
  readonly offered: Known<readonly string[]>;
  readonly snapshots: Known<readonly ImageSnapshot[]>;
  readonly keys: readonly NeededKey[];
  /** Absent where the group chooses the subnet. */
  readonly subnet?: { readonly subnetId: string; readonly freeAddresses: Known<number | undefined> };
  /** Absent where EC2 Auto Scaling sets the tags. */
  readonly tagCount?: number;
  /** EC2's dry run; absent in a plan, which has not the permissions of the function that launches. */
  readonly rehearsal?: Known<{ readonly kind: 'possible' | 'impossible'; readonly reason: string }>;
}

export interface PreflightVerdict {
  readonly name: string;
  /** `unread`: a fact could not be read, which stops a repair as well. `not-asked`: there is nothing to ask, or another row stands before it. */
  readonly verdict: 'pass' | 'stop' | 'unread' | 'not-asked';
  /** What was found; and where it stops, what to do. */
  readonly reason: string;
}

type Answer = Omit<PreflightVerdict, 'name'>;

interface PreflightRow {
  readonly name: string;
  /** Where the rule comes from. */
  readonly authority: string;
  readonly check: (facts: PreflightFacts) => Answer;
}

const pass = (reason: string): Answer => ({ verdict: 'pass', reason });
const stop = (reason: string): Answer => ({ verdict: 'stop', reason });
const notAsked = (reason: string): Answer => ({ verdict: 'not-asked', reason });

function needs<Value>(fact: Known<Value>, what: string, decide: (value: Value) => Answer): Answer {
  return fact.isKnown ? decide(fact.value) : { verdict: 'unread', reason: `${what} could not be read, which counts as a no: ${fact.why}` };
}

/** Without an image there is one thing to say, and the row `image` says it. */
function ofImage(facts: Pick<PreflightFacts, 'image'>, decide: (image: ImageFacts) => Answer): Answer {
  const image = facts.image.isKnown ? facts.image.value : undefined;
  return image === undefined ? notAsked('see the row image') : decide(image);
}

type TypeQuestion = Pick<PreflightFacts, 'candidates' | 'offered' | 'types' | 'image' | 'architecture'>;

/** A policy may name many types: at most so many that the zone offers are looked at, those that are tried first. */
const MAX_TYPES = 10;

function offeredOf({ candidates, offered }: TypeQuestion): readonly string[] {
  return offered.isKnown ? candidates.filter((name) => offered.value.includes(name)).slice(0, MAX_TYPES) : [];
}

/** An offered type that the image could not be launched as, and why: a launch must not come to it. */
export interface UnfitType {
  readonly instanceType: string;
  readonly reason: string;
}

export function unfitTypes(facts: TypeQuestion): readonly UnfitType[] {
  if (!facts.types.isKnown) return [];
  return offeredOf(facts).flatMap((instanceType) => {
    const reason = typeProblem(facts, instanceType);
    return reason === undefined ? [] : [{ instanceType, reason }];
  });
}

/** The one that would be launched: the first that the zone offers and the image fits; where it fits none, the first that it offers. */
export function chosenType(facts: TypeQuestion): string | undefined {
  const names = offeredOf(facts);
  const unfit = names.length > 1 ? new Set(unfitTypes(facts).map(({ instanceType }) => instanceType)) : new Set<string>();
  return names.find((name) => !unfit.has(name)) ?? names[0];
}

function ofType(facts: TypeQuestion, decide: (image: ImageFacts, type: InstanceTypeFacts) => Answer): Answer {
  return ofImage(facts, (image) => {
    const types = facts.types.isKnown ? facts.types.value : [];
    const type = types.find(({ instanceType }) => instanceType === chosenType(facts));
    return type === undefined ? notAsked('see the row instance type') : decide(image, type);
  });
}

function checkImage({ image, imageId }: PreflightFacts): Answer {
  return needs(image, `the image ${imageId}`, (found) => {
    if (found === undefined) return stop(`the image ${imageId} does not exist, or is not shared with this account. Approve one that exists`);
    return found.state === 'available' ? pass(`${imageId} is available`) : stop(`the image ${imageId} is ${found.state}, not available`);
  });
}

/** Asked again because an approval may have waited for hours. */
function checkApproval({ approval, imageId, role, launchedBy }: PreflightFacts): Answer {
  return needs(approval, `the approval of ${imageId}`, ({ isApproved, isRevoked, isRunByPeers }) => {
    if (isRevoked) return stop(`the image ${imageId} is revoked; approve another one for the role ${role}`);
    if (isApproved) return pass(`${imageId} is an approved image of the role ${role}`);
    if (launchedBy === 'perennial' && isRunByPeers) return pass(`${imageId} is what running peers are on`);
    return stop(`the image ${imageId} was never an approved image of the role ${role}, or is no longer in its history; approve it, or another one`);
  });
}

function checkArchitecture(facts: TypeQuestion): Answer {
  const own = ofImage(facts, ({ architecture }) =>
    facts.architecture === undefined || architecture === facts.architecture
      ? pass(architecture)
      : stop(`the image is ${architecture}, the instance ${facts.architecture}; approve an image of its architecture`),
  );
  if (own.verdict !== 'pass') return own;
  const byType = ofType(facts, ({ architecture }, { architectures, instanceType }) =>
    isAmong(architectures, architecture) ? own : stop(`the image is ${architecture}; ${instanceType} is ${architectures.join(' or ')}`),
  );
  return byType.verdict === 'not-asked' ? own : byType;
}

const isAmong = (list: readonly string[], value: string): boolean => list.length === 0 || list.includes(value);

function checkVirtualization(facts: TypeQuestion): Answer {
  return ofType(facts, ({ virtualizationType }, { instanceType, virtualizationTypes }) =>
    virtualizationType === undefined || isAmong(virtualizationTypes, virtualizationType)
      ? pass(virtualizationType ?? 'the image does not say')
      : stop(`the image is ${virtualizationType}; ${instanceType} takes ${virtualizationTypes.join(' or ')}. Approve an image that it takes`),
  );
}

/** An image without a boot mode takes the default of the type; `uefi-preferred` boots either way. */
function checkBootMode(facts: TypeQuestion): Answer {
  return ofType(facts, ({ bootMode }, { instanceType, bootModes }) => {
    if (bootMode === undefined || bootMode === 'uefi-preferred') return pass(bootMode ?? 'the default of the type');
    return isAmong(bootModes, bootMode)
      ? pass(bootMode)
      : stop(
          `the image boots by ${bootMode}; ${instanceType} boots by ${bootModes.join(' or ')}. Approve an image that does, or name another type in instanceTypes`,
        );
  });
}

function checkEna(facts: TypeQuestion): Answer {
  return ofType(facts, ({ isEnaEnabled = true }, { instanceType, enaSupport }) => {
    if (isEnaEnabled) return pass('enabled on the image');
    return enaSupport === 'required'
      ? stop(`${instanceType} needs the Elastic Network Adapter, and the image is registered without it; register it again with EnaSupport`)
      : pass(`not enabled on the image; ${instanceType} does not need it`);
  });
}

function checkRootOfType(facts: TypeQuestion): Answer {
  return ofType(facts, ({ rootDeviceType }, { instanceType, rootDeviceTypes }) =>
    isAmong(rootDeviceTypes, rootDeviceType) ? pass('') : stop(`${instanceType} takes no root on EBS, only on ${rootDeviceTypes.join(' or ')}`),
  );
}

/** What of an image a type may not take; what is wrong with the image whatever the type is another row's answer. */
const checksOfType = [checkArchitecture, checkVirtualization, checkBootMode, checkEna, checkRootOfType] as const;

function typeProblem(facts: TypeQuestion, instanceType: string): string | undefined {
  const isKnown = facts.types.isKnown && facts.types.value.some((type) => type.instanceType === instanceType);
  if (!isKnown) return 'EC2 says nothing of it';
  const answers = checksOfType.map((check) => check({ ...facts, candidates: [instanceType] }));
  return answers.find(({ verdict }) => verdict === 'stop')?.reason;
}

function checkRootDevice(facts: PreflightFacts): Answer {
  return ofImage(facts, ({ rootDeviceType, rootDeviceName, rootSizeGiB }) => {
    if (rootDeviceType !== 'ebs')
      return stop(
        'the image has its root on an instance store: what is launched from it can neither be stopped nor kept as evidence. Approve an image backed by EBS',
      );
    const { minimumRootGiB = 0 } = facts;
    if (rootSizeGiB !== undefined && rootSizeGiB < minimumRootGiB)
      return stop(`the root of the image has ${rootSizeGiB} GiB, that of the instance ${minimumRootGiB}; a root cannot be exchanged for a smaller one`);
    const fit = checkRootOfType(facts);
    return fit.verdict === 'stop' ? fit : pass(`EBS, ${rootDeviceName}${rootSizeGiB === undefined ? '' : `, ${rootSizeGiB} GiB in the image`}`);
  });
}

function checkInstanceType(facts: PreflightFacts): Answer {
  const { candidates, availabilityZone } = facts;
  if (candidates.length === 0) return notAsked('the group chooses its types by requirements');
  const known = needs(facts.offered, `what ${availabilityZone} offers`, () => needs(facts.types, 'what the instance types are', () => pass('')));
  if (known.verdict !== 'pass') return known;
  return offeredType(facts);
}

function offeredType(facts: PreflightFacts): Answer {
  const { candidates, availabilityZone } = facts;
  const chosen = chosenType(facts);
  if (chosen === undefined)
    return stop(`${availabilityZone} offers none of ${candidates.join(', ')}; name a type that it offers in instanceTypes of the policy`);
  const offered = new Set(facts.offered.isKnown ? facts.offered.value : []);
  const withheld = candidates.slice(0, candidates.indexOf(chosen)).filter((name) => !offered.has(name));
  const unfit = unfitTypes(facts).filter(({ instanceType }) => instanceType !== chosen);
  const other = chosen === candidates[0] ? '' : `: the replacement would be a ${chosen}`;
  const left = unfit.length === 0 ? '' : `; not launched as ${unfit.map(({ instanceType, reason }) => `${instanceType} (${reason})`).join(', ')}`;
  return pass(`${availabilityZone} offers ${chosen}${withheld.length === 0 ? '' : `, not ${withheld.join(', ')}`}${other}${left}`);
}

/** Another account's image may be launched without its snapshots being shared. */
function checkSnapshots(facts: PreflightFacts): Answer {
  return ofImage(facts, ({ snapshotIds = [], ownerId }) => {
    if (snapshotIds.length === 0) return notAsked('the image names no snapshot');
    return needs(facts.snapshots, `the snapshots ${snapshotIds.join(', ')} of the image`, (snapshots) => {
      const broken = snapshots.filter(({ state }) => state !== 'completed').map(({ snapshotId, state }) => `${snapshotId} is ${state}`);
      const missing = snapshotIds.filter((id) => !snapshots.some(({ snapshotId }) => snapshotId === id)).map((id) => `${id} does not exist any more`);
      const isShared = ownerId !== undefined && ownerId !== facts.accountId;
      const problems = isShared ? broken : [...broken, ...missing];
      if (problems.length > 0) return stop(`the image cannot be launched: ${problems.join(', ')}. Approve another image`);
      return pass(missing.length > 0 ? `those of the account ${ownerId} are not visible here; EC2 reaches them at the launch` : snapshotIds.join(', '));
    });
  });
}

function checkKeys({ keys, launchedBy, accountId }: PreflightFacts): Answer {
  if (keys.length === 0) return notAsked('nothing is encrypted with a key of the account');
  const answers = keys.map((key) => keyProblem(key, launchedBy === 'group', accountId));
  const problems = answers.filter(({ verdict }) => verdict !== 'pass');
  const reason = (problems.length > 0 ? problems : answers).map((answer) => answer.reason).join('; ');
  return { verdict: problems.find(({ verdict }) => verdict === 'stop')?.verdict ?? problems[0]?.verdict ?? 'pass', reason };
}

/** `arn:aws:kms:eu-central-1:111122223333:key/…`; `undefined` for a plain id, which is of this account. */
const accountOf = (keyId: string): string | undefined => keyId.split(':')[4];

function keyProblem({ keyId, use, state }: NeededKey, isForGroup: boolean, accountId: string): Answer {
  const what = `the key ${keyId} (${use})`;
  if (!state.isKnown && isForGroup && (accountOf(keyId) ?? accountId) !== accountId)
    return pass(`${what} is another account's and cannot be asked from here; it must be granted to the role of EC2 Auto Scaling`);
  if (!state.isKnown)
    return {
      verdict: 'unread',
      reason: `${what} could not be read, which counts as a no: ${state.why}. Let its key policy allow this account kms:DescribeKey, or take a key of this account`,
    };
  if (state.value === undefined) return stop(`${what} does not exist; encrypt with one that does`);
  return state.value === 'Enabled'
    ? pass(`${what} is enabled`)
    : stop(`${what} is ${state.value}: what is encrypted with it would not start. Enable it again, or cancel its deletion`);
}

function checkAddresses({ subnet }: PreflightFacts): Answer {
  if (subnet === undefined) return notAsked('the group chooses among its subnets');
  return needs(subnet.freeAddresses, `the subnet ${subnet.subnetId}`, (free) => {
    if (free === undefined) return stop(`the subnet ${subnet.subnetId} does not exist any more; launch by hand where the system shall run`);
    return free < 1 ? stop(`the subnet ${subnet.subnetId} has no free address; release one`) : pass(`the subnet has ${free}`);
  });
}

const MAX_TAGS = 50;

function checkTags({ tagCount }: PreflightFacts): Answer {
  if (tagCount === undefined) return notAsked('the group sets them');
  return tagCount > MAX_TAGS ? stop(`the replacement would have ${tagCount} tags; EC2 allows ${MAX_TAGS}. Remove some`) : pass(`${tagCount} of ${MAX_TAGS}`);
}

function checkRehearsal(facts: PreflightFacts): Answer {
  const { rehearsal } = facts;
  if (rehearsal === undefined)
    return notAsked(facts.image.isKnown && facts.image.value !== undefined ? 'a repair asks it with its own permissions' : 'see the row image');
  return needs(rehearsal, "EC2's dry run", ({ kind, reason }) => (kind === 'possible' ? pass(reason) : stop(reason)));
}

export const preflightRows: readonly PreflightRow[] = [
  { name: 'image', authority: 'https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Image.html', check: checkImage },
  { name: 'approval', authority: 'design.md section 7: image choice', check: checkApproval },
  { name: 'architecture', authority: 'https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ProcessorInfo.html', check: checkArchitecture },
  { name: 'virtualization', authority: 'https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ComponentsAMIs.html', check: checkVirtualization },
  { name: 'boot mode', authority: 'https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-boot.html', check: checkBootMode },
  { name: 'network adapter', authority: 'https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/enhanced-networking-ena.html', check: checkEna },
  { name: 'root device', authority: 'https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/replace-root.html', check: checkRootDevice },
  {
    name: 'instance type',
    authority: 'https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypeOfferings.html',
    check: checkInstanceType,
  },
  // Sharing an image does not show its snapshots: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/sharingamis-explicit.html
  { name: 'snapshots', authority: 'https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/sharingamis-explicit.html', check: checkSnapshots },
  { name: 'encryption keys', authority: 'https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html', check: checkKeys },
  { name: 'free addresses', authority: 'https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Subnet.html', check: checkAddresses },
  { name: 'tags', authority: 'https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html', check: checkTags },
  // The dry run answers for permissions, the role's passing among them (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/permission-to-pass-iam-roles.html),
  // and for parameters: that profile, key pair, security groups and subnet exist. It proves no grant on a key.
  { name: 'launch rehearsal', authority: 'https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html', check: checkRehearsal },
];

export interface PreflightDecision {
  readonly verdicts: readonly PreflightVerdict[];
  /** Whatever would stop the launch, as `row: why`; empty when it may go on. */
  readonly failures: readonly string[];
  /** Offered types that the launch leaves out. */
  readonly unfitTypes: readonly UnfitType[];
}

/** Pure: asks every row. */
export function decidePreflight(facts: PreflightFacts): PreflightDecision {
  const verdicts = preflightRows.map(({ name, check }): PreflightVerdict => ({ name, ...check(facts) }));
  return { verdicts, failures: verdicts.filter(isFailure).map(({ name, reason }) => `${name}: ${reason}`), unfitTypes: unfitTypes(facts) };
}

const isFailure = ({ verdict }: PreflightVerdict): boolean => verdict === 'stop' || verdict === 'unread';
