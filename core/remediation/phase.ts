import type { MaintenanceWindow, RemediationPolicy, System } from '../catalog/schema.ts';
import type { Clock, Scope } from '../environment/ports.ts';
import type { RecordStore } from '../records/store.ts';
import type { AttachmentPorts } from './surroundings/attachment-ports.ts';
import type { CommandRunner } from './evidence/command-ports.ts';
import type { GroupChanger, GroupReader } from './surroundings/member-ports.ts';
import type {
  AlarmCloner,
  AlarmReader,
  CaptureReader,
  EvidenceCollector,
  ImageReader,
  InstancePower,
  InstanceReader,
  QuarantineKeeper,
  ReplacementLauncher,
  TargetReader,
  TargetRegistrar,
} from './ports.ts';
import type { PreflightReader } from './preflight/preflight-ports.ts';
import type { PhaseName, Remediation } from './record.ts';
import type { RecoveryPorts, RecoveryReader } from './surroundings/recovery-ports.ts';
import type { DashboardKeeper } from './surroundings/dashboard-ports.ts';
import type { RemediationSession } from './driver/session.ts';

/** What reading phases may use. */
export interface ObservePorts {
  readonly store: RecordStore;
  readonly scope: Scope;
  readonly clock: Clock;
  readonly instances: InstanceReader;
  readonly targets: TargetReader;
  readonly images: ImageReader;
  readonly captures: CaptureReader;
  readonly recovery: RecoveryReader;
  readonly groups: GroupReader;
  readonly preflight: PreflightReader;
  readonly alarms: AlarmReader;
}

/** What changing phases may use beside that. Nothing here can terminate an instance. */
export interface ActPorts extends ObservePorts, AttachmentPorts, RecoveryPorts {
  readonly groupChanger: GroupChanger;
  readonly launcher: ReplacementLauncher;
  readonly registrar: TargetRegistrar;
  readonly power: InstancePower;
  readonly evidence: EvidenceCollector;
  readonly commands: CommandRunner;
  readonly quarantine: QuarantineKeeper;
  readonly alarmCloner: AlarmCloner;
  readonly dashboards: DashboardKeeper;
}

/** What a phase works with. */
export interface PhaseContext<Ports> {
  readonly ports: Ports;
  readonly session: RemediationSession;
  readonly system: System;
  readonly policy: RemediationPolicy;
  /** Maintenance windows of the catalog in force. */
  readonly windows?: readonly MaintenanceWindow[];
}

/** Facts a phase adds to the record. */
export type RecordPatch = Partial<
  Pick<
    Remediation,
    | 'remaining'
    | 'approval'
    | 'drill'
    | 'oldInstanceId'
    | 'isFenced'
    | 'parts'
    | 'path'
    | 'pathReason'
    | 'nextPaths'
    | 'newInstanceId'
    | 'imageId'
    | 'imageReason'
    | 'guardrails'
    | 'timing'
    | 'differences'
    | 'captureAgeSeconds'
    | 'preflight'
    | 'unfitTypes'
    | 'recoverySeconds'
    | 'isRtoMet'
  >
>;

/** What one run of a phase decided, with its reason. */
export type PhaseResult =
  | { readonly kind: 'done'; readonly reason: string; readonly patch?: RecordPatch }
  /** Look again after `seconds`, remembering `memory`. */
  | { readonly kind: 'wait'; readonly seconds: number; readonly reason: string; readonly memory?: Remediation['memory']; readonly patch?: RecordPatch }
  | {
      readonly kind: 'failed';
      readonly reason: string;
      readonly patch?: RecordPatch;
      /** By a person's will: no next path is tried. */ readonly isStopped?: true;
      /** What runs now instead of what the procedure says, because of what the phase has seen. */
      readonly undo?: readonly PhaseName[];
    }
  /** A guardrail said no; nothing was touched. */
  | { readonly kind: 'vetoed'; readonly guardrail: string; readonly reason: string; readonly patch?: RecordPatch }
  /** Dry run: it would have gone on. */
  | { readonly kind: 'would-have'; readonly reason: string; readonly patch?: RecordPatch };

export type ObservePhase = (context: PhaseContext<ObservePorts>) => Promise<PhaseResult>;
export type ActPhase = (context: PhaseContext<ActPorts>) => Promise<PhaseResult>;
