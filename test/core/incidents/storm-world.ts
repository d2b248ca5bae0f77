import { createHash } from 'node:crypto';
import type { CompiledCatalog, System } from '../../../core/catalog/schema.ts';
import { addSeconds } from '../../../core/environment/time.ts';
import { runDesk } from '../../../core/incidents/lifecycle/desk.ts';
import { sendDue } from '../../../core/incidents/notify.ts';
import { type Incident, incidentType } from '../../../core/incidents/record.ts';
import { partitions } from '../../../core/records/keys.ts';
import { readAll } from '../../../core/records/record-type.ts';
import { type IntakePorts, takeIn } from '../../../core/signals/intake.ts';
import { readSignals } from '../../../core/signals/normalise.ts';
import { Dice } from '../../../sim/random.ts';
import { catalogOf } from '../inventory/world.ts';
import { routeOf } from './attention/attention-world.ts';
import { CrashError, createWorld, scope, shopWeb } from './world.ts';

export const GROUPS = 100;
export const SIGNALS_PER_GROUP = 100;

const nameOf = (group: number): string => `svc-${String(group).padStart(3, '0')}`;

/** One alarm of a group's system as SNS delivers it; `index` says which of its alarms, and how often that one has spoken. */
export function alarmMessage(group: number, index: number, state: 'ALARM' | 'OK', at: string, description = 'Too many errors'): string {
  const name = `${nameOf(group)}-errors`;
  const message = {
    AlarmName: name,
    AlarmDescription: description,
    AWSAccountId: scope.accountId,
    NewStateValue: state,
    NewStateReason: `Threshold Crossed: ${index} datapoints were greater than the threshold (50.0).`,
    StateChangeTime: at.replace('Z', '+0000'),
    Region: 'EU (Frankfurt)',
    AlarmArn: `arn:aws:cloudwatch:${scope.region}:${scope.accountId}:alarm:${name}`,
    OldStateValue: state === 'ALARM' ? 'OK' : 'ALARM',
    Trigger: {
      MetricName: 'Errors',
      Namespace: 'Shop',
      Statistic: 'SUM',
      Dimensions: [],
      Period: 60,
      EvaluationPeriods: 1,
      ComparisonOperator: 'GreaterThanThreshold',
      Threshold: 50,
    },
  };
  return JSON.stringify({
    Type: 'Notification',
    MessageId: `${name}-${index}`,
    TopicArn: `arn:aws:sns:${scope.region}:${scope.accountId}:alarms`,
    Subject: `${state}: ${name}`,
    Message: JSON.stringify(message),
    Timestamp: at,
  });
}

/** Every group's alarm fires again and again, a few seconds apart: 10,000 messages. */
export function stormMessages(begin: string): readonly string[] {
  return Array.from({ length: GROUPS * SIGNALS_PER_GROUP }, (_, index) => {
    const turn = Math.floor(index / GROUPS);
    return alarmMessage(index % GROUPS, turn, 'ALARM', addSeconds(begin, turn * 2));
  });
}

export const endMessages = (at: string): readonly string[] => Array.from({ length: GROUPS }, (_, group) => alarmMessage(group, 0, 'OK', at));

function systemOf(group: number): System {
  const name = nameOf(group);
  return { ...shopWeb, metadata: { name, labels: {} }, spec: { ...shopWeb.spec, alarms: [`${name}-*`], links: [], targetGroups: [] } };
}

/** 5 % twice, in any order, 5 % not to be read. */
export function spoiled(messages: readonly string[], seed: number): { readonly messages: readonly string[]; readonly malformed: number } {
  const dice = new Dice(seed);
  const twice = messages.filter((_, index) => index % 20 === 0);
  const broken = messages
    .filter((_, index) => index % 20 === 1)
    .map((text, index) => (index % 2 === 0 ? text.slice(0, text.length / 2) : JSON.stringify({ nothing: index })));
  const all = [...messages, ...twice, ...broken];
  for (let last = all.length - 1; last > 0; last -= 1) {
    const other = dice.between(0, last);
    [all[last], all[other]] = [all[other] ?? '', all[last] ?? ''];
  }
  return { messages: all, malformed: broken.length };
}

export function stormWorld(severities: readonly ('critical' | 'high' | 'warning')[] = ['critical', 'high', 'warning']) {
  const world = createWorld();
  const catalog: CompiledCatalog = {
    ...catalogOf(
      Array.from({ length: GROUPS }, (_, group) => systemOf(group)),
      [],
    ),
    routes: [routeOf({ severities: [...severities] })],
  };
  const ports: IntakePorts = {
    ...world.ports,
    alarms: { read: async () => [] },
    catalog: async () => catalog,
    executions: { start: async () => {} },
    pageTimer: { arm: async () => {} },
  };
  const hasher = { sha256: (text: string) => createHash('sha256').update(text, 'utf8').digest('hex') };
  let rejected = 0;
  const incidents = async (): Promise<readonly Incident[]> =>
    (await readAll(incidentType, (page) => world.memory.query(partitions.incidents(scope), '', page))).map(({ body }) => body);
  return {
    ...world,
    ports,
    catalog,
    incidents,
    rejected: () => rejected,
    take: async (messages: readonly string[]): Promise<void> => {
      for (const message of messages) {
        const read = readSignals(message, { hasher, scope, receivedAt: world.clock.now() });
        rejected += read.rejected.length;
        for (const signal of read.signals) await takeIn(ports, catalog, signal);
      }
    },
    /** Takes each message until no crash interrupts it, as a queue does; gives how many crashes there were. */
    takeThroughCrashes: async (messages: readonly string[], seed: number): Promise<number> => {
      const dice = new Dice(seed);
      let crashes = 0;
      for (const message of messages) {
        for (let delivery = 1; delivery <= 10; delivery += 1) {
          const isDoomed = delivery < 5 && dice.percent(5);
          world.crashes.dieAt(isDoomed ? dice.between(1, 8) : 0, dice.percent(50) ? 'before' : 'after');
          try {
            for (const signal of readSignals(message, { hasher, scope, receivedAt: world.clock.now() }).signals) await takeIn(ports, catalog, signal);
            break;
          } catch (error) {
            if (!(error instanceof CrashError)) throw error;
            crashes += 1;
          }
        }
      }
      world.crashes.dieAt(0, 'before');
      return crashes;
    },
    minutes: async (count: number): Promise<void> => {
      for (let minute = 0; minute < count; minute += 1) {
        world.clock.advance(60);
        await runDesk(ports, catalog);
      }
    },
    sendDue: () => sendDue(ports),
    /** Ids of what was handed over, without the marked repeats. */
    told: (step: string): readonly string[] =>
      world.publisher.delivered.filter((message) => message.step === step && !message.isRepeat).map(({ notificationId }) => notificationId),
  };
}
