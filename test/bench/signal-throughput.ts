import { createHash } from 'node:crypto';
import type { Hasher } from '../../core/environment/ports.ts';
import { decideSignal, type StoredSignal } from '../../core/signals/admit.ts';
import { readSignals } from '../../core/signals/normalise.ts';
import { eventIdOf } from '../../core/signals/signal.ts';
import { stormMessages } from '../core/incidents/storm-world.ts';
import { scope } from '../core/incidents/world.ts';
import { medianOf } from './figures.ts';

/*
 * How many signals a second the core reads, recognises and decides about on one core, without any store: what is left to a function once
 * the network has answered. Beside it what nobody can leave out: reading the JSON and hashing the text.
 */

export interface ThroughputFigures {
  readonly messages: number;
  readonly runs: number;
  /** Signals a second: read, masked, fingerprinted, found to be new or a repetition. */
  readonly coreASecond: number;
  /** The same messages a second: both layers of JSON parsed, one SHA-256 of the text. */
  readonly floorASecond: number;
  /** Time of the core in times of the floor. */
  readonly ratio: number;
  /** Of all messages; the rest repeats what is known. */
  readonly admitted: number;
}

const hasher: Hasher = { sha256: (text) => createHash('sha256').update(text, 'utf8').digest('hex') };
const BEGIN = '2026-11-21T09:00:00.000Z';
const RUNS = 7;

/** Every message twice: half of what a storm brings has been said before. */
export function measureThroughput(): ThroughputFigures {
  const once = stormMessages(BEGIN);
  const messages = [...once, ...once];
  const receivedAt = '2026-11-21T09:05:00.000Z';
  const core: number[] = [];
  const floor: number[] = [];
  let admitted = 0;
  for (let run = 0; run < RUNS; run += 1) {
    floor.push(timed(() => runFloor(messages)));
    core.push(
      timed(() => {
        admitted = runCore(messages, receivedAt);
      }),
    );
  }
  const coreSeconds = medianOf(core);
  const floorSeconds = medianOf(floor);
  return {
    messages: messages.length,
    runs: RUNS,
    coreASecond: messages.length / coreSeconds,
    floorASecond: messages.length / floorSeconds,
    ratio: coreSeconds / floorSeconds,
    admitted,
  };
}

/** Seconds of processor time, so that what else the machine does costs nothing. */
function timed(run: () => void): number {
  const start = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1_000_000;
}

function runFloor(messages: readonly string[]): number {
  let length = 0;
  for (const message of messages) {
    const outer: unknown = JSON.parse(message);
    const inner = typeof outer === 'object' && outer !== null && 'Message' in outer && typeof outer.Message === 'string' ? outer.Message : '{}';
    const parsed: unknown = JSON.parse(inner);
    length += hasher.sha256(inner).length + (parsed === null ? 0 : 1);
  }
  return length;
}

/** What intake.ts decides from, with a map in place of the table. */
function runCore(messages: readonly string[], receivedAt: string): number {
  const events = new Set<string>();
  const known = new Map<string, StoredSignal>();
  let admitted = 0;
  for (const message of messages) {
    for (const signal of readSignals(message, { hasher, scope, receivedAt }).signals) {
      const event = eventIdOf(signal, hasher);
      if (events.has(event)) continue;
      events.add(event);
      if (decideSignal(known.get(signal.fingerprint), signal).kind !== 'new') continue;
      known.set(signal.fingerprint, { fingerprint: signal.fingerprint, state: signal.state, changedAt: signal.at });
      admitted += 1;
    }
  }
  return admitted;
}
