import { RetryableError } from '../../environment/errors.ts';
import type { Clock, Scope } from '../../environment/ports.ts';
import { keys } from '../../records/keys.ts';
import { readRecord, type Versioned, writeOf } from '../../records/record-type.ts';
import { RecordConflictError, type RecordStore, type RecordWrite } from '../../records/store.ts';
import { type Remediation, remediationType } from '../record.ts';

type CallResult = Readonly<Record<string, string>>;

/**
 * One remediation record while a step works on it: what was read, and the writes made since.
 * Every write is conditional on the version, so that two steps of one remediation can never both go on.
 */
export class RemediationSession {
  readonly #store: RecordStore;
  readonly #clock: Clock;
  #current: Versioned<Remediation>;
  #beforeMutation: () => Promise<void> = async () => undefined;

  constructor(store: RecordStore, clock: Clock, current: Versioned<Remediation>) {
    this.#store = store;
    this.#clock = clock;
    this.#current = current;
  }

  /** Opens the session of a remediation; `undefined` when there is none of that id. */
  static async open(store: RecordStore, clock: Clock, scope: Scope, remediationId: string): Promise<RemediationSession | undefined> {
    const current = await readRecord(store, remediationType, keys.remediation(scope, remediationId));
    return current === undefined ? undefined : new RemediationSession(store, clock, current);
  }

  get record(): Remediation {
    return this.#current.body;
  }

  /** Asked right before every mutating call; what it throws keeps the call from being made (design section 7, freeze). */
  guardMutations(check: () => Promise<void>): void {
    this.#beforeMutation = check;
  }

  get version(): number {
    return this.#current.version;
  }

  /** Writes the changed record. Errors: `RetryableError` when another step was faster. */
  async save(body: Remediation): Promise<void> {
    try {
      await this.#store.write([writeOf(remediationType, this.#current.key, body, this.#current.version)]);
    } catch (error) {
      if (!(error instanceof RecordConflictError)) throw error;
      throw new RetryableError(`Another step of ${body.id} went on in the meantime; this one stops and reads again.`, { cause: error });
    }
    this.#current = { key: this.#current.key, version: this.#current.version + 1, body };
  }

  /** Writes the record together with others, all or nothing. Errors: `RecordConflictError`, for the caller to read again. */
  async saveWith(body: Remediation, others: readonly RecordWrite[]): Promise<void> {
    await this.#store.write([writeOf(remediationType, this.#current.key, body, this.#current.version), ...others]);
    this.#current = { key: this.#current.key, version: this.#current.version + 1, body };
  }

  /**
   * Makes one mutating call: intent before it, outcome after it. A call whose outcome is recorded is not made again;
   * one with an intent only may have happened, and is made again because every mutating port is idempotent.
   *
   * @param name unique within the remediation, for example `launch` or `stop:i-0abc`
   */
  async mutate(name: string, call: () => Promise<CallResult | undefined>): Promise<CallResult> {
    const earlier = this.record.calls[name];
    if (earlier?.outcomeAt !== undefined) return earlier.result ?? {};
    await this.#beforeMutation();
    const intentAt = this.#clock.now();
    const intent = { attempt: (earlier?.attempt ?? 0) + 1, intentAt };
    await this.save({ ...this.record, calls: { ...this.record.calls, [name]: intent } });
    const result = (await call()) ?? {};
    const outcome = { ...intent, outcomeAt: this.#clock.now(), result };
    await this.save({ ...this.record, calls: { ...this.record.calls, [name]: outcome } });
    return result;
  }
}
