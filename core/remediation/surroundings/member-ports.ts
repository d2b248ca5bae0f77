import type { Timestamp } from '../../environment/time.ts';

/*
 * What repairing a member of an Auto Scaling group needs: its group is asked to replace it. Errors and idempotency as in `ports.ts`;
 * an error is never an empty answer.
 */

/** https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html */
export interface MemberFacts {
  readonly instanceId: string;
  readonly availabilityZone: string;
  /** For example `InService`, `Pending:Wait`, `Terminating`, `Standby`. */
  readonly lifecycleState: string;
  readonly isHealthy: boolean;
}

export interface AutoScalingGroupFacts {
  readonly name: string;
  readonly minSize: number;
  readonly maxSize: number;
  readonly desiredCapacity: number;
  /** For example `ReplaceUnhealthy`; https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-suspend-resume-processes.html */
  readonly suspendedProcesses: readonly { readonly name: string; readonly reason: string }[];
  readonly members: readonly MemberFacts[];
  /** What new members are launched from. */
  readonly source:
    | {
        readonly kind: 'launch-template';
        readonly id: string;
        readonly version: string;
        /** Instead of the template's, in the order of the mixed instances policy. */
        readonly instanceTypes?: readonly string[];
      }
    | { readonly kind: 'launch-configuration'; readonly name: string }
    | { readonly kind: 'none' };
  /** From an instance maintenance policy: at 100 or more a replacement is launched before the old one ends. Absent: terminate first. */
  readonly minHealthyPercentage?: number;
  readonly tags: Readonly<Record<string, string>>;
}

export interface ScalingActivity {
  readonly activityId: string;
  readonly startedAt: Timestamp;
  readonly state: 'in-progress' | 'successful' | 'failed' | 'cancelled';
  readonly kind: 'launch' | 'terminate' | 'other';
  readonly instanceId?: string;
  readonly description: string;
  /** Why it failed or what it waits for, in the group's words. */
  readonly statusMessage?: string;
}

/** What holds members of a group in `Pending:Wait` or `Terminating:Wait`: https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks.html */
export interface LifecycleHook {
  readonly name: string;
  readonly transition: 'launching' | 'terminating';
}

export interface MemberLaunchSource {
  readonly imageId?: string;
  /** In the order of preference; empty where they are chosen by requirements. */
  readonly instanceTypes: readonly string[];
  /** Keys that the template names for volumes. */
  readonly kmsKeyIds: readonly string[];
}

export interface GroupReader {
  /** The group that an instance is a member of; `undefined` when it is in none. */
  groupOf(instanceId: string): Promise<AutoScalingGroupFacts | undefined>;
  read(groupName: string): Promise<AutoScalingGroupFacts | undefined>;
  /** Instance refreshes that have not ended. */
  openRefreshes(groupName: string): Promise<readonly { readonly refreshId: string; readonly status: string }[]>;
  /** The newest activities, newest first; at most 50. */
  activities(groupName: string): Promise<readonly ScalingActivity[]>;
  /** At most 50, as many as a group can have. */
  hooks(groupName: string): Promise<readonly LifecycleHook[]>;
  /** What the group would launch now; `undefined` when its template or configuration is gone. */
  launchSource(group: AutoScalingGroupFacts): Promise<MemberLaunchSource | undefined>;
}

export interface MemberLaunchRehearsal {
  readonly group: AutoScalingGroupFacts;
  /** Where the member runs. */
  readonly subnetId: string;
  /** Tags of the rehearsed instance: what the permission to launch asks for. */
  readonly tags: Readonly<Record<string, string>>;
}

export interface GroupChanger {
  /** EC2's dry run of a launch from the group's template. Touches nothing. */
  rehearse(request: MemberLaunchRehearsal): Promise<{ readonly kind: 'possible' | 'impossible'; readonly reason: string }>;
  /** Tells the group that the member is unhealthy; it respects the grace period and replaces it. One that has left is nothing to mark. */
  markUnhealthy(instanceId: string): Promise<void>;
  /** Takes the member out of service without making the group smaller: the group launches another one. */
  enterStandby(groupName: string, instanceId: string): Promise<void>;
  /** CONTINUE for one lifecycle hook of an instance that is ours (`lifecycle-hooks.ts` decides). One that waits no more is success. */
  completeLifecycleAction(groupName: string, hookName: string, instanceId: string): Promise<void>;
}
