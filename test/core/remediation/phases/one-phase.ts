import { keys } from '../../../../core/records/keys.ts';
import { createRecord } from '../../../../core/records/record-type.ts';
import type { ActPhase, ActPorts, PhaseContext, PhaseResult } from '../../../../core/remediation/phase.ts';
import { type Remediation, remediationType } from '../../../../core/remediation/record.ts';
import type { Capture } from '../../../../core/remediation/surroundings/capture.ts';
import { NOW, remediationOf } from '../builders.ts';
import { createWorld, OLD, readRemediation, testScope, type World, type Wrap } from '../world.ts';
import { contextOf, storeCapture } from './run-phase.ts';

export const NEW = 'i-new';

/** What some methods of some ports say instead of the simulated region. */
export type Answers = { readonly [Port in keyof ActPorts]?: Partial<ActPorts[Port]> };

/** Methods that change something; everything else only looks. */
const changing: ReadonlySet<string> = new Set([
  'attach',
  'detach',
  'setDeleteOnTermination',
  'assignPrivateAddresses',
  'associate',
  'replace',
  'retarget',
  'take',
  'start',
  'clone',
  'retire',
  'revive',
  'follow',
  'markUnhealthy',
  'enterStandby',
  'completeLifecycleAction',
  'rehearse',
]);

type Made = readonly [call: string, ...words: unknown[]];

function answering(answers: Answers, made: Made[]): Wrap {
  const given = new Map<string, object>(Object.entries(answers));
  return (name, port) =>
    name === 'store'
      ? port
      : new Proxy(port, {
          get: (target, property) => {
            const value: unknown = Reflect.get(given.get(name) ?? {}, property) ?? Reflect.get(target, property);
            if (typeof value !== 'function' || !changing.has(String(property))) return value;
            return (...words: unknown[]): unknown => {
              made.push([`${name}.${String(property)}`, ...words]);
              return Reflect.apply(value, target, words);
            };
          },
        });
}

/** A call of an earlier step, with its outcome. */
export const ended = (result: Readonly<Record<string, string>> = {}): Remediation['calls'][string] => ({ attempt: 1, intentAt: NOW, outcomeAt: NOW, result });

const still = async (): Promise<void> => undefined;

/** Nothing moves by itself: where things are is what a test says. */
export const stillAttachments = {
  volumes: { attach: still, detach: still, setDeleteOnTermination: still },
  interfaces: { attach: still, detach: still, setDeleteOnTermination: still, assignPrivateAddresses: still },
  addresses: { associate: still },
  associations: { retarget: still },
} as const satisfies Answers;

export interface Stage {
  readonly world: World;
  /** Every call that changes something, in order. */
  readonly made: readonly Made[];
  /** One look, as the driver would take it. */
  readonly run: (phase: ActPhase, answers?: Answers) => Promise<PhaseResult>;
  /** What one look works with, for what is no phase of its own. */
  readonly look: (answers?: Answers) => Promise<PhaseContext<ActPorts>>;
  readonly record: () => Promise<Remediation>;
  /** Names of the calls that are written down. */
  readonly calls: () => Promise<readonly string[]>;
}

export interface StageSeed {
  readonly world?: World;
  readonly record?: Partial<Remediation>;
  /** What the repair has captured; `undefined`: nothing yet. */
  readonly capture?: Partial<Capture>;
  readonly answers?: Answers;
}

/** One phase of one repair of the failing instance, beside the ports as these answers make them. */
export async function stage({ world = createWorld(), record = {}, capture, answers = {} }: StageSeed = {}): Promise<Stage> {
  const made: Made[] = [];
  const body = remediationOf({ instanceId: OLD, slotId: `shop-web/${OLD}`, system: world.system, policy: world.policy, at: world.clock.now() }, record);
  await createRecord(world.store, remediationType, keys.remediation(testScope, body.id), body);
  if (capture !== undefined) await storeCapture(world, body.id, capture);
  const read = async (): Promise<Remediation> => readRemediation(world, body.id);
  const look = async (more: Answers = {}): Promise<PhaseContext<ActPorts>> =>
    contextOf(world, await read(), { wrap: answering({ ...answers, ...more }, made) });
  return { world, made, look, run: async (phase, more) => phase(await look(more)), record: read, calls: async () => Object.keys((await read()).calls) };
}
