import type { InstanceFacts } from '../ports.ts';
import type { RecoveryCapability } from '../surroundings/recovery-ports.ts';

/*
 * What replacing keeps and cannot keep, by what the instance is; and whether it may be replaced at all (design section 7).
 */

export interface ReplacementFacts {
  /** `undefined`: EC2 says there is no such instance. */
  readonly instance: InstanceFacts | undefined;
  readonly isGroupMember: boolean;
  /** The old instance must be stopped before another one may run. */
  readonly isFenced: boolean;
  /** `undefined` when the instance is gone. */
  readonly capability: RecoveryCapability | undefined;
}

export interface CapabilityRow {
  /** What the instance is. */
  readonly kind: string;
  readonly applies: (facts: ReplacementFacts) => boolean;
  readonly keeps: string;
  readonly cannotKeep: string;
  /** `approve`: only a person may say that it goes on. */
  readonly verdict: 'pass' | 'approve' | 'veto';
  readonly reason: string;
  readonly authority: string;
}

const userGuide = 'https://docs.aws.amazon.com/AWSEC2/latest/UserGuide';

const plain: CapabilityRow = {
  kind: 'On-Demand with an EBS root',
  applies: () => true,
  keeps: 'everything that is captured',
  cannotKeep: 'its primary private address and its auto-assigned public address',
  verdict: 'pass',
  reason: 'A stand-alone instance with an EBS root',
  authority: 'design.md section 7, order of a full replacement',
};

/** The first row that applies decides. */
export const capabilityRows: readonly CapabilityRow[] = [
  {
    kind: 'group member',
    applies: ({ isGroupMember }) => isGroupMember,
    keeps: 'its group with its capacity, target groups and launch template',
    cannotKeep: 'its id, its addresses and everything on its volumes',
    verdict: 'pass',
    reason: 'Its Auto Scaling group replaces it from its own template',
    authority: 'https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-health-checks.html',
  },
  {
    kind: 'gone',
    applies: ({ instance }) => instance === undefined,
    keeps: 'what the last capture of the sweep knows',
    cannotKeep: 'what was on volumes that ended with it',
    verdict: 'pass',
    reason: 'The instance is gone; nothing more of it can be lost',
    authority: 'design.md section 7, capture before harm',
  },
  {
    // Not replaced by an On-Demand Instance either: its price was chosen, and a persistent request would bring a second one by itself.
    kind: 'Spot Instance on its own',
    applies: ({ instance }) => instance?.lifecycle === 'spot',
    keeps: 'nothing: it is not replaced',
    cannotKeep: 'its request, its price, and evidence: one of a one-time request cannot be stopped',
    verdict: 'veto',
    reason:
      'It is a Spot Instance: one of a one-time request cannot be stopped, so neither fenced nor kept as evidence, and a persistent request brings its own replacement. Put it into an Auto Scaling group, which replaces its members',
    authority: `${userGuide}/stop-spot-instances.html`,
  },
  {
    kind: 'instance-store root, one at a time',
    applies: ({ instance, isFenced }) => instance?.rootDeviceType === 'instance-store' && isFenced,
    keeps: 'nothing: it is not replaced',
    cannotKeep: 'a stopped old instance: it can only be ended',
    verdict: 'veto',
    reason: 'Its root is on instance store, so it cannot be stopped, and its system may not run two at once',
    authority: `${userGuide}/RootDeviceStorage.html`,
  },
  {
    kind: 'instance-store root',
    applies: ({ instance }) => instance?.rootDeviceType === 'instance-store',
    keeps: 'type, place, profile, tags, target groups; the old one is isolated and runs on until the reaper ends it',
    cannotKeep: 'what is on its root: it ends with the instance',
    verdict: 'approve',
    reason: 'Its root is on instance store: it cannot be stopped, and what is on it ends with it; a person must say that it is not needed',
    authority: `${userGuide}/RootDeviceStorage.html`,
  },
  {
    kind: 'stop protection',
    applies: ({ capability }) => capability?.isStopProtected === true,
    keeps: 'nothing: it is not replaced',
    cannotKeep: 'its protection: whoever is replaced is stopped',
    verdict: 'veto',
    reason: 'It is protected against being stopped, and whoever is replaced is stopped. Lift it with aws ec2 modify-instance-attribute --no-disable-api-stop',
    authority: `${userGuide}/ec2-stop-protection.html`,
  },
  {
    kind: 'termination protection',
    applies: ({ capability }) => capability?.isTerminationProtected === true,
    keeps: 'everything that is captured, the protection too; the reaper lifts that of the old one before it ends it',
    cannotKeep: 'its primary private address and its auto-assigned public address',
    verdict: 'pass',
    reason: 'It is protected against termination, which neither stopping nor replacing needs',
    authority: `${userGuide}/Using_ChangingDisableAPITermination.html`,
  },
  plain,
];

/** The row of an instance. */
export function replacementRowOf(facts: ReplacementFacts): CapabilityRow {
  return capabilityRows.find(({ applies }) => applies(facts)) ?? plain;
}
