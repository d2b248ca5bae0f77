import type { Impairment } from './instance-status.ts';
import type { TargetFacts } from './target-health.ts';

interface Registration {
  readonly initialUntilMs: number | undefined;
  readonly drainingUntilMs: number | undefined;
}

/** What the overlay remembers about the fleet. It ends with the process, as moto's own state does. */
export class FleetState {
  readonly #unhealthy = new Set<string>();
  readonly #misreadGroups = new Set<string>();
  readonly #impairments = new Map<string, Impairment>();
  readonly #agents = new Set<string>();
  readonly #targetGroups = new Map<string, Map<string, Registration>>();

  markTarget(instanceId: string, isUnhealthy: boolean): void {
    if (isUnhealthy) {
      this.#unhealthy.add(instanceId);
    } else {
      this.#unhealthy.delete(instanceId);
    }
  }

  /** A health check that is wrong: every target of the group fails it, also those to come. */
  markTargetGroup(name: string, isUnhealthy: boolean): void {
    if (isUnhealthy) {
      this.#misreadGroups.add(name);
    } else {
      this.#misreadGroups.delete(name);
    }
  }

  markStatus(instanceId: string, impairment: Impairment): void {
    this.#impairments.set(instanceId, impairment);
  }

  /** Whether the Systems Manager agent of the instance answers. */
  markAgent(instanceId: string, isOnline: boolean): void {
    if (isOnline) {
      this.#agents.add(instanceId);
    } else {
      this.#agents.delete(instanceId);
    }
  }

  onlineAgents(): readonly string[] {
    return [...this.#agents];
  }

  impairment(instanceId: string): Impairment | undefined {
    return this.#impairments.get(instanceId);
  }

  /** Registering a registered target again changes nothing; registering a draining one ends the draining. */
  register(targetGroupArn: string, instanceId: string, initialUntilMs: number): void {
    const group = this.#group(targetGroupArn);
    const before = group.get(instanceId);
    if (before === undefined || before.drainingUntilMs !== undefined) {
      group.set(instanceId, { initialUntilMs, drainingUntilMs: undefined });
    }
  }

  /** Only a registered target drains. */
  deregister(targetGroupArn: string, instanceId: string, drainingUntilMs: number): void {
    const group = this.#group(targetGroupArn);
    if (group.get(instanceId)?.drainingUntilMs === undefined && group.has(instanceId)) {
      group.set(instanceId, { initialUntilMs: undefined, drainingUntilMs });
    }
  }

  facts(targetGroupArn: string, instanceId: string): TargetFacts {
    const registration = this.#targetGroups.get(targetGroupArn)?.get(instanceId);
    return {
      isMarkedUnhealthy: this.#unhealthy.has(instanceId) || this.#misreadGroups.has(nameOf(targetGroupArn)),
      initialUntilMs: registration?.initialUntilMs,
      drainingUntilMs: registration?.drainingUntilMs,
    };
  }

  /** Instances that a call without `Targets` lists as draining. */
  draining(targetGroupArn: string, nowMs: number): readonly string[] {
    const group = this.#group(targetGroupArn);
    return [...group].filter(([, { drainingUntilMs = 0 }]) => nowMs < drainingUntilMs).map(([instanceId]) => instanceId);
  }

  #group(targetGroupArn: string): Map<string, Registration> {
    const known = this.#targetGroups.get(targetGroupArn) ?? new Map<string, Registration>();
    this.#targetGroups.set(targetGroupArn, known);
    return known;
  }
}

/** `arn:aws:elasticloadbalancing:<region>:<account>:targetgroup/<name>/<id>` */
function nameOf(targetGroupArn: string): string {
  return targetGroupArn.split('/')[1] ?? '';
}
