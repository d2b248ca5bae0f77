import { createHash } from 'node:crypto';
import { systemSchema, type System } from '../../../core/catalog/schema.ts';
import type { Hasher } from '../../../core/environment/ports.ts';
import type { Firing, IncidentPorts } from '../../../core/incidents/incidents.ts';
import type { NotificationMessage, NotificationPublisher } from '../../../core/incidents/ports.ts';
import type { Incident } from '../../../core/incidents/record.ts';
import type { PageRequest, RecordKey, RecordPage, RecordStore, RecordWrite, StoredRecord } from '../../../core/records/store.ts';
import type { Remediation } from '../../../core/remediation/record.ts';
import type { Signal } from '../../../core/signals/signal.ts';
import { VirtualClock } from '../../../sim/deterministic.ts';
import { MemoryRecordStore } from '../../../sim/memory-record-store.ts';

export const scope = { accountId: '111122223333', region: 'eu-central-1' } as const;
export const hasher: Hasher = { sha256: (text) => createHash('sha256').update(text, 'utf8').digest('hex') };
export const opening = '2026-11-21T09:00:00.000Z';

/** The process died here. */
export class CrashError extends Error {
  override readonly name = 'CrashError';
}

/** Counts mutating calls, and dies before or after the one it is told to. */
export class Crashes {
  #countdown = 0;
  #moment: 'before' | 'after' = 'before';
  calls = 0;

  dieAt(call: number, moment: 'before' | 'after'): void {
    this.calls = 0;
    this.#countdown = call;
    this.#moment = moment;
  }

  async around<Result>(call: () => Promise<Result>): Promise<Result> {
    this.calls += 1;
    const isDeadly = this.calls === this.#countdown;
    if (isDeadly && this.#moment === 'before') throw new CrashError(`before call ${this.calls}`);
    const result = await call();
    if (isDeadly) throw new CrashError(`after call ${this.calls}`);
    return result;
  }
}

class CrashingStore implements RecordStore {
  readonly #inner: RecordStore;
  readonly #crashes: Crashes;

  constructor(inner: RecordStore, crashes: Crashes) {
    this.#inner = inner;
    this.#crashes = crashes;
  }

  get(key: RecordKey): Promise<StoredRecord | undefined> {
    return this.#inner.get(key);
  }

  write(writes: readonly RecordWrite[]): Promise<void> {
    return this.#crashes.around(() => this.#inner.write(writes));
  }

  query(partition: string, sortPrefix: string, page: PageRequest): Promise<RecordPage> {
    return this.#inner.query(partition, sortPrefix, page);
  }

  list(list: string, page: PageRequest): Promise<RecordPage> {
    return this.#inner.list(list, page);
  }
}

/** Keeps what was delivered; fails as it is told. */
export class Mailbox implements NotificationPublisher {
  readonly delivered: NotificationMessage[] = [];
  failure: Error | undefined;
  readonly #crashes: Crashes;

  constructor(crashes: Crashes) {
    this.#crashes = crashes;
  }

  publish(message: NotificationMessage): Promise<{ readonly messageId: string }> {
    return this.#crashes.around(async () => {
      if (this.failure !== undefined) throw this.failure;
      this.delivered.push(message);
      return Promise.resolve({ messageId: `message-${this.delivered.length}` });
    });
  }
}

export function createWorld() {
  const clock = new VirtualClock('2026-11-21T09:00:05.000Z');
  const memory = new MemoryRecordStore(clock);
  const crashes = new Crashes();
  const publisher = new Mailbox(crashes);
  const ports = { store: new CrashingStore(memory, crashes), scope, clock, hasher, publisher } satisfies IncidentPorts & { publisher: NotificationPublisher };
  return { ports, clock, memory, crashes, publisher };
}

export const shopWeb: System = systemSchema.parse({
  apiVersion: 'perennial/v1',
  kind: 'System',
  metadata: { name: 'shop-web', labels: { tier: 'web' } },
  spec: {
    purpose: 'Storefront pages',
    impact: 'Customers cannot order',
    owners: { owner: 'team-shop', operators: ['ops'], developers: ['team-shop'], business: ['sales'] },
    environment: 'prod',
    topology: 'multiple',
    roles: ['web'],
    recovery: { rtoSeconds: 600, rpoSeconds: 0, stateful: false },
    os: { name: 'Amazon Linux', version: '2023' },
    network: { hostname: 'shop-web', subnets: ['private-a', 'private-c'] },
    targetGroups: ['shop-web'],
    alarms: ['shop-web-*'],
    programs: [{ kind: 'web', name: 'nginx', version: '1.28' }],
    software: [{ name: 'storefront', version: '5.2.1', configVersion: 'a1b2c3d' }],
    links: [{ to: 'shop-db', kind: 'database' }],
    image: { role: 'web' },
  },
});

export function signalOf(change: Partial<Signal> = {}): Signal {
  return {
    kind: 'alarm.state-change',
    subject: { type: 'instance', id: 'i-0aaa' },
    severity: 'high',
    state: 'firing',
    at: opening,
    source: 'aws.cloudwatch',
    rule: 'shop-web-unhealthy',
    scope,
    summary: 'Alarm shop-web-unhealthy went off: 1 unhealthy host for 1 minute.',
    details: {},
    ...change,
  };
}

export function firingOf(change: Partial<Firing> = {}): Firing {
  return { signal: signalOf(), fingerprint: 'f1', place: 'shop-web/i-0aaa', system: shopWeb, wasInInventory: true, ...change };
}

export function incidentOf(change: Partial<Incident> = {}): Incident {
  return {
    id: 'inc-20261121T090000-0a1b2c3d',
    ...scope,
    place: 'shop-web/i-0aaa',
    system: 'shop-web',
    severity: 'high',
    state: 'open',
    title: 'Alarm shop-web-unhealthy went off: 1 unhealthy host for 1 minute.',
    impact: 'Customers cannot order',
    owner: 'team-shop',
    openedAt: opening,
    updatedAt: opening,
    signals: { f1: { state: 'firing', rule: 'shop-web-unhealthy', at: opening } },
    remediationIds: [],
    subject: { type: 'instance', id: 'i-0aaa' },
    wasInInventory: true,
    ...change,
  };
}

export function remediationOf(change: Partial<Remediation> = {}): Remediation {
  return {
    id: 'rem-20261121T090000-0123456789',
    ...scope,
    slotId: 'shop-web/i-0aaa',
    groupId: 'shop-web/web',
    system: 'shop-web',
    incidentId: 'inc-20261121T090000-0a1b2c3d',
    attempt: 1,
    executionName: 'x',
    procedureVersion: 1,
    topology: 'multiple',
    mode: 'auto',
    isDrill: false,
    trigger: { kind: 'alarm.state-change', rule: 'shop-web-unhealthy', fingerprint: 'f1', at: opening, summary: 'Alarm' },
    oldInstanceId: 'i-0aaa',
    imageId: 'ami-0v2',
    imageReason: 'newest approved image verified in this group',
    state: 'running',
    reason: 'Alarm',
    phase: 'launch',
    phaseStartedAt: '2026-11-21T09:00:20.000Z',
    remaining: [],
    memory: {},
    phases: [],
    guardrails: [],
    calls: {},
    timing: { detectedAt: opening, decidedAt: '2026-11-21T09:00:05.000Z' },
    rtoSeconds: 600,
    pageAt: '2026-11-21T09:05:05.000Z',
    differences: [],
    ...change,
  };
}
