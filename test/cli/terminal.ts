import { expect } from 'vitest';
import type { DeployEventDetail, DeployEventType } from '../../core/deployments/ports.ts';
import { instanceType, systemRecordType } from '../../core/inventory/records.ts';
import { publishCatalog } from '../../core/catalog/published.ts';
import { keys } from '../../core/records/keys.ts';
import { createRecord } from '../../core/records/record-type.ts';
import { deadLetterType } from '../../core/signals/dead-letters.ts';
import { runProgram } from '../../cli/program.ts';
import type { AccountReader, HiddenMessage, QueueDesk, Target } from '../../cli/target.ts';
import { MemorySubscriptions } from '../core/incidents/memory-subscriptions.ts';
import { catalogOf } from '../core/inventory/world.ts';
import { admitOld, createWorld, observePorts, OLD, play, testScope, verifyImage, type World } from '../core/remediation/world.ts';

/** What a command left on the terminal. */
export interface Screen {
  readonly exitCode: number;
  readonly out: string;
  readonly error: string;
}

/** Types a command; without a target, opening one is a failure of the test. */
export async function type(words: readonly string[], target?: Target, input = '', confirm?: (question: string) => Promise<boolean>): Promise<Screen> {
  const out: string[] = [];
  const error: string[] = [];
  const output = {
    out: (text: string) => void out.push(text),
    error: (text: string) => void error.push(text),
    readInput: async () => input,
    ...(confirm === undefined ? {} : { confirm }),
  };
  const exitCode = await runProgram(words, output, async () => {
    if (target === undefined) throw new Error('this command was to need no target');
    return target;
  });
  return { exitCode, out: out.join('\n'), error: error.join('\n') };
}

/** Types it with --json and reads the answer. */
export async function typeJson(words: readonly string[], target?: Target): Promise<{ readonly exitCode: number; readonly json: unknown }> {
  const { exitCode, out } = await type([...words, '--json'], target);
  const json: unknown = JSON.parse(out);
  return { exitCode, json };
}

/** Matches a text that contains `part`; typed, where vitest says `any`. */
export const containing = (part: string): unknown => expect.stringContaining(part);

/** Queues in memory; what is hidden is out of sight until it is removed. */
class MemoryQueues implements QueueDesk {
  readonly #bodies = new Map<string, string[]>();

  fill(queueUrl: string, bodies: readonly string[]): void {
    this.#bodies.set(queueUrl, [...bodies]);
  }

  bodiesOf(queueUrl: string): readonly string[] {
    return this.#bodies.get(queueUrl) ?? [];
  }

  async depth(queueUrl: string): Promise<number> {
    return this.bodiesOf(queueUrl).length;
  }

  async hide(queueUrl: string, limit: number): Promise<readonly HiddenMessage[]> {
    return this.bodiesOf(queueUrl)
      .slice(0, limit)
      .map((body, index) => ({ body, receipt: String(index) }));
  }

  async send(queueUrl: string, body: string): Promise<void> {
    this.#bodies.set(queueUrl, [...this.bodiesOf(queueUrl), body]);
  }

  async remove(queueUrl: string, { body }: HiddenMessage): Promise<void> {
    const left = [...this.bodiesOf(queueUrl)];
    left.splice(left.indexOf(body), 1);
    this.#bodies.set(queueUrl, left);
  }
}

export interface Desk {
  readonly world: World;
  readonly target: Target;
  readonly queues: MemoryQueues;
  readonly announced: { readonly type: DeployEventType; readonly detail: DeployEventDetail }[];
}

/** A platform that has left nothing behind. */
export const nothingOutside = { quarantined: [], launched: [], securityGroups: [], alarms: [], timers: [], interfaces: [], volumes: [] };

const soundAccount: AccountReader = {
  subscriptions: async () => ({ total: 2, unconfirmed: 0 }),
  sms: async () => ({ isInSandbox: false, monthlyLimitDollars: 20 }),
  concurrency: async () => ({ unreserved: 900 }),
};

const outputs = {
  TableName: 'table',
  SignalsQueueUrl: 'q/signals',
  RejectedQueueUrl: 'q/rejected',
  DeadLetterQueueUrl: 'q/dead',
  ScheduleDeadLetterQueueUrl: 'q/schedule',
  EventBusName: 'bus',
  CriticalTopicArn: 'arn:critical',
  HighTopicArn: 'arn:high',
  WarningTopicArn: 'arn:warning',
  InfoTopicArn: 'arn:info',
  PlatformTopicArn: 'arn:platform',
};

/** A platform whose records and fleet are in memory, with a catalog of one system. */
export async function createDesk(changes: Partial<Target> = {}): Promise<Desk> {
  const world = createWorld();
  const queues = new MemoryQueues();
  const announced: Desk['announced'] = [];
  await publishCatalog({ store: world.store, scope: testScope, clock: world.clock }, catalogOf([world.system], [world.policy], 'a'.repeat(64)));
  const target: Target = {
    scope: testScope,
    stackName: 'Perennial',
    words: '--local',
    outputs,
    records: world.store,
    clock: world.clock,
    operator: 'kim',
    queues,
    account: soundAccount,
    subscriptions: new MemorySubscriptions(),
    leaving: { find: async () => nothingOutside, carryOut: async () => undefined },
    tags: {
      set: async (instanceId, key, value) => world.region.setTag(instanceId, key, value),
      remove: async (instanceId, key) => world.region.quarantine.unmark(instanceId, [key], {}),
    },
    fleet: { countRunning: async () => 3, alarmHistory: async () => [], observe: () => observePorts(world) },
    deployBus: () => ({
      announce: async (eventType, detail) => {
        announced.push({ type: eventType, detail });
        return { eventId: 'e-1' };
      },
    }),
    ...changes,
  };
  return { world, target, queues, announced };
}

/** Records of a repaired incident, made by the real rules. */
export async function withRepair(desk: Desk): Promise<{ readonly incidentId: string; readonly remediationId: string }> {
  await verifyImage(desk.world);
  const admission = await admitOld(desk.world);
  if (admission.kind !== 'started') throw new Error(`not started: ${admission.reason}`);
  await play(desk.world, admission.remediation.id);
  return { incidentId: admission.remediation.incidentId, remediationId: admission.remediation.id };
}

const place = {
  firstSeenAt: '2026-11-20T09:00:00.000Z',
  changedAt: '2026-11-20T09:00:00.000Z',
  state: 'running',
  instanceType: 't3.micro',
  availabilityZone: 'eu-central-1a',
  subnetId: 'subnet-a',
  vpcId: 'vpc-1',
  securityGroupIds: ['sg-web'],
};

/** Two known instances and one that nobody knows. */
export async function withInventory({ world: { store } }: Desk): Promise<void> {
  const member = { ...place, status: 'managed', system: 'shop-web', role: 'web' } as const;
  const rows = [
    { ...member, instanceId: OLD, imageId: 'ami-v1', slotId: `shop-web/${OLD}`, name: 'shop-web' },
    { ...member, instanceId: 'i-peer1', imageId: 'ami-v2', slotId: 'shop-web/i-peer1' },
    { ...place, instanceId: 'i-stranger', imageId: 'ami-x', status: 'unknown' },
    { ...place, instanceId: 'i-gone', imageId: 'ami-x', status: 'gone' },
    { ...place, instanceId: 'i-cluster', imageId: 'ami-x', status: 'elsewhere' },
    { ...place, instanceId: 'i-evidence', imageId: 'ami-x', status: 'quarantined' },
  ] as const;
  for (const row of rows) await createRecord(store, instanceType, keys.instance(testScope, row.instanceId), row);
  await createRecord(store, systemRecordType, keys.system(testScope, 'shop-web'), {
    name: 'shop-web',
    status: 'active',
    declaredHash: 'a',
    observed: { instanceIds: [OLD, 'i-peer1', 'i-peer2'], imageIds: ['ami-v1', 'ami-v2'], zones: ['eu-central-1a'], membersByRole: { web: 3 } },
    changes: [{ at: '2026-11-20T09:00:00.000Z', by: 'sweep', what: 'first seen', why: 'sweep', changeClass: 1 }],
  });
}

/** Dead letters whose ids sort otherwise than their times. */
export async function withDeadLetters({ world: { store }, queues }: Desk): Promise<void> {
  const letters = [
    { id: 'dead-b', at: '2026-11-21T08:00:00.000Z', maskedBody: 'older' },
    { id: 'dead-a', at: '2026-11-21T08:30:00.000Z', maskedBody: 'rubbish from [e-mail], call [phone]' },
  ];
  for (const letter of letters) {
    const body = { ...letter, messageId: letter.id, reason: 'record 0: It is not JSON', bodyHash: 'f'.repeat(64), sizeBytes: 50 };
    await createRecord(store, deadLetterType, keys.deadLetter(testScope, letter.id), body);
  }
  queues.fill('q/rejected', ['rubbish from ops@example.com, call +1 202 555 0123', 'older']);
}
