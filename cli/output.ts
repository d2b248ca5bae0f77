import { secondsBetween, type Timestamp } from '../core/environment/time.ts';

/** Where the command line writes; a test passes its own. */
export interface Output {
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
  /** Whole standard input as text. */
  readonly readInput: () => Promise<string>;
  /** Asks a person; absent where nobody sits in front of it. */
  readonly confirm?: (question: string) => Promise<boolean>;
}

/** 0 ok, 1 error, 2 "no" as an answer (design section 9). */
export type ExitCode = 0 | 1 | 2;

/** What a command answers: data for programs, text for people. */
export interface Answer {
  readonly json: unknown;
  readonly text: string;
  readonly exitCode: ExitCode;
}

export function ok(json: unknown, text: string): Answer {
  return { json, text, exitCode: 0 };
}

const MAX_CELL_CHARACTERS = 60;
const MAX_LAST_CELL_CHARACTERS = 120;

function cell(text: string, isLast: boolean): string {
  const limit = isLast ? MAX_LAST_CELL_CHARACTERS : MAX_CELL_CHARACTERS;
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length > limit ? `${line.slice(0, limit - 1)}…` : line;
}

/** Rows as aligned columns; long cells are cut, the last one later. Without rows it says `none`. */
export function table(header: readonly string[], rows: readonly (readonly string[])[], none: string): string {
  if (rows.length === 0) return none;
  const all = [header, ...rows].map((row) => row.map((text, column) => cell(text, column === header.length - 1)));
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((text, column) => text.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** `2026-11-21 09:00:00Z`: to the second, always in UTC. */
export function moment(at: Timestamp): string {
  return `${at.slice(0, 10)} ${at.slice(11, 19)}Z`;
}

/** `4.7 s`, `3 min 5 s`, `2 h`; negative durations (clocks differ) read as 0. */
export function duration(from: Timestamp, to: Timestamp): string {
  return spoken(Math.max(0, secondsBetween(from, to)));
}

const MINUTE = 60;
const HOUR = 3600;

/** Seconds as people say them. */
export function spoken(seconds: number): string {
  if (seconds < MINUTE) return `${Number(seconds.toFixed(1))} s`;
  const whole = Math.round(seconds);
  const [large, small, largeUnit, smallUnit] =
    whole < HOUR ? [Math.floor(whole / MINUTE), whole % MINUTE, 'min', 's'] : [Math.floor(whole / HOUR), Math.floor((whole % HOUR) / MINUTE), 'h', 'min'];
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

/** `1 system`, `2 systems`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
