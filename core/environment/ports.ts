import type { Timestamp } from './time.ts';

/** The only way the rules learn what time it is. */
export interface Clock {
  now(): Timestamp;
}

/** The only source of new identifiers. */
export interface IdSource {
  /** A new, globally unique identifier that begins with `prefix` and sorts by time of creation. */
  next(prefix: string): string;
}

/** Hashing, which `core/` may not take from the runtime. */
export interface Hasher {
  /** Lower-case hexadecimal SHA-256 of the UTF-8 bytes of `text`: 64 characters. */
  sha256(text: string): string;
}

/** The only source of randomness (jitter). */
export interface Randomness {
  /** A number in [0, 1). */
  next(): number;
}

/** Structured log lines; never secrets, never personal data. */
export interface Log {
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** The account and Region that a fact belongs to; part of every key from the first day. */
export interface Scope {
  /** 12 digits. */
  readonly accountId: string;
  /** For example `eu-central-1`. */
  readonly region: string;
}
