import { Aws } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { CfnSchedule, CfnScheduleGroup } from 'aws-cdk-lib/aws-scheduler';
import { Construct } from 'constructs';
import type { Functions } from './functions.ts';
import { arnOf } from './permissions/catalog-scope.ts';
import { grant, permission } from './permissions/permission.ts';
import { sendPermissions } from './permissions/platform.ts';

const defaultSweepMinutes = 10;

/** One-time schedules of the page timer (`aws/platform/page-timer.ts`) all begin so. */
export function pageScheduleNames(groupName: string): string {
  return arnOf('scheduler', `schedule/${groupName}/perennial-page-*`);
}

/** What Perennial does by the clock: sweep, poll, budget, desk, reaper; and the role with which armed pages reach their function. */
export class Schedules extends Construct {
  readonly groupName: string;
  readonly pageRole: Role;
  readonly sweepMinutes: number;
  readonly #functions: Functions;
  readonly #role: Role;

  constructor(scope: Construct, id: string, functions: Functions) {
    super(scope, id);
    this.#functions = functions;
    const group = new CfnScheduleGroup(this, 'Group', { name: 'perennial' });
    this.groupName = group.ref;
    const { sweep, impaired, budget, desk, reap, page } = functions;
    this.#role = this.#addRole(
      'Role',
      [sweep, impaired, budget, desk, reap].map(({ handler }) => handler),
    );
    this.pageRole = this.#addRole('PageRole', [page.handler]);
    this.sweepMinutes = sweepMinutesOf(this);
    this.#every('Sweep', this.sweepMinutes, sweep.handler);
    this.#every('Impaired', 1, impaired.handler);
    this.#every('Budget', 1, budget.handler);
    this.#every('Desk', 1, desk.handler);
    this.#every('Reap', 60, reap.handler);
  }

  /** The account condition keeps other accounts' schedules from using the role: https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html */
  #addRole(id: string, targets: readonly IFunction[]): Role {
    const assumedBy = new ServicePrincipal('scheduler.amazonaws.com', { conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } } });
    const role = new Role(this, id, { assumedBy, description: 'Lets the scheduler call functions of Perennial' });
    const invoke = permission({ sid: 'Invoke', actions: ['lambda:InvokeFunction'], resources: targets.map(({ functionArn }) => functionArn) });
    grant(role, [invoke, ...sendPermissions('DeadLetters', this.#functions.scheduleDeadLetters)]);
    return role;
  }

  #every(id: string, minutes: number, target: IFunction): void {
    new CfnSchedule(this, id, {
      groupName: this.groupName,
      scheduleExpression: minutes === 1 ? 'rate(1 minute)' : `rate(${minutes} minutes)`,
      flexibleTimeWindow: { mode: 'OFF' },
      target: {
        arn: target.functionArn,
        roleArn: this.#role.roleArn,
        // A run that is late by more than one interval is done by the next one.
        retryPolicy: { maximumEventAgeInSeconds: Math.max(60, minutes * 60), maximumRetryAttempts: 5 },
        deadLetterConfig: { arn: this.#functions.scheduleDeadLetters.queueArn },
      },
    });
  }
}

function sweepMinutesOf(scope: Construct): number {
  const value: unknown = scope.node.tryGetContext('sweepMinutes') ?? defaultSweepMinutes;
  const minutes = Number(value);
  if (!Number.isInteger(minutes) || minutes < 1 || minutes > 60)
    throw new TypeError('The context value sweepMinutes must be a whole number from 1 to 60, for example -c sweepMinutes=10');
  return minutes;
}
