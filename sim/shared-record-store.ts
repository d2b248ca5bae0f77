import type { Clock } from '../core/environment/ports.ts';
import { type Timestamp } from '../core/environment/time.ts';
import { checkPage, checkWrites, nameOf } from '../core/records/limits.ts';
import { trustWritten } from './remembered-parsing.ts';
import {
  type Listing,
  type PageRequest,
  RecordConflictError,
  type RecordKey,
  type RecordPage,
  type RecordStore,
  type RecordWrite,
  type StoredRecord,
} from '../core/records/store.ts';

/** A partition or a list: records by their place, and the sorted order while it is known. */
interface Shelf {
  readonly records: Map<string, StoredRecord>;
  order: readonly string[] | undefined;
}

/**
 * `RecordStore` for thousands of simulated runs: it keeps the bodies it is given instead of copying them, which is sound because the
 * rules never change what they wrote or read. `isStrict` proves that: it checks every bound, stores a frozen copy, and any change
 * throws. The tests run a part of the corpus strictly; `MemoryRecordStore` is the exact one.
 */
export class SharedRecordStore implements RecordStore {
  readonly #clock: Clock;
  readonly #isStrict: boolean;
  /** Only the rules write here, so that what they wrote needs no parsing when it is read. */
  readonly #isTrusted: boolean;
  readonly #partitions = new Map<string, Shelf>();
  readonly #lists = new Map<string, Shelf>();
  /** How many records were ever written; a re-delivery that changes nothing leaves it alone. */
  writeCount = 0;

  constructor(clock: Clock, options: { readonly isStrict?: boolean; readonly isTrusted?: boolean; readonly from?: SharedRecordStore } = {}) {
    this.#clock = clock;
    this.#isStrict = options.isStrict ?? false;
    this.#isTrusted = options.isTrusted ?? false;
    if (options.from === undefined) return;
    for (const [name, shelf] of options.from.#partitions) this.#partitions.set(name, { records: new Map(shelf.records), order: shelf.order });
    for (const [name, shelf] of options.from.#lists) this.#lists.set(name, { records: new Map(shelf.records), order: shelf.order });
  }

  /** What is stored at this moment, for the eyes of the simulation only: no call, no fault. */
  peek(key: RecordKey): StoredRecord | undefined {
    const record = this.#partitions.get(key.partition)?.records.get(key.sort);
    return record === undefined || this.#isExpired(record) ? undefined : record;
  }

  /** All records of a partition, expired ones too, in the order in which they were first written. */
  peekAll(partition: string): Iterable<StoredRecord> {
    return this.#partitions.get(partition)?.records.values() ?? [];
  }

  /** Every record that has not expired, for tests that look at the whole world. */
  snapshot(): readonly StoredRecord[] {
    const records = [...this.#partitions.values()].flatMap((shelf) => [...shelf.records.values()]);
    return records.filter((record) => !this.#isExpired(record));
  }

  async get(key: RecordKey): Promise<StoredRecord | undefined> {
    return this.peek(key);
  }

  async write(writes: readonly RecordWrite[]): Promise<void> {
    const stored = this.#isStrict ? strict(writes) : writes;
    for (const { key, expectedVersion } of stored) {
      if ((this.peek(key)?.version ?? 0) === expectedVersion) continue;
      throw new RecordConflictError(`The record ${nameOf(key)} is not at version ${expectedVersion} any more: read it again and decide again.`);
    }
    for (const write of stored) this.#put(write);
    if (this.#isTrusted) for (const { body } of stored) trustWritten(body);
  }

  async query(partition: string, sortPrefix: string, page: PageRequest): Promise<RecordPage> {
    const shelf = this.#partitions.get(partition);
    if (shelf === undefined) return { records: [] };
    shelf.order ??= [...shelf.records.keys()].toSorted(byText);
    return this.#page(shelf, sortPrefix, page);
  }

  async list(list: string, page: PageRequest): Promise<RecordPage> {
    const shelf = this.#lists.get(list);
    if (shelf === undefined) return { records: [] };
    shelf.order ??= [...shelf.records.keys()].toSorted(byText);
    return this.#page(shelf, '', page);
  }

  #isExpired(record: StoredRecord): boolean {
    return record.expiresAt !== undefined && record.expiresAt <= this.#clock.now();
  }

  #put(write: RecordWrite): void {
    this.writeCount += 1;
    const { key, listing, expiresAt, body, expectedVersion } = write;
    const shelf = shelfOf(this.#partitions, key.partition);
    const former = shelf.records.get(key.sort);
    if (former?.listing !== undefined && former.listing.list !== listing?.list) unlist(this.#lists, former.listing, key);
    const record: StoredRecord = {
      key,
      version: expectedVersion + 1,
      body,
      ...(listing === undefined ? {} : { listing }),
      ...(expiresAt === undefined ? {} : { expiresAt: toWholeSeconds(expiresAt) }),
    };
    if (former === undefined) shelf.order = undefined;
    shelf.records.set(key.sort, record);
    if (listing !== undefined) enlist(this.#lists, listing, record);
  }

  #page(shelf: Shelf, prefix: string, page: PageRequest): RecordPage {
    checkPage(page);
    const found: StoredRecord[] = [];
    let last = '';
    for (const place of placesFrom(shelf.order ?? [], page)) {
      const record = place.startsWith(prefix) ? shelf.records.get(place) : undefined;
      if (record === undefined) continue;
      found.push(record);
      last = place;
      if (found.length === page.limit) break;
    }
    const records = found.filter((record) => !this.#isExpired(record));
    return found.length === page.limit ? { records, next: last } : { records };
  }
}

/** The places of a page and all after it, in the order that is asked for. Almost always these are all there are. */
function placesFrom(order: readonly string[], { newestFirst = false, next }: PageRequest): readonly string[] {
  const wanted = newestFirst ? order.toReversed() : order;
  return next === undefined ? wanted : wanted.slice(wanted.indexOf(next) + 1);
}

const byText = (left: string, right: string): number => (left < right ? -1 : Number(left > right));

/** DynamoDB's time to live counts whole seconds. */
function toWholeSeconds(at: Timestamp): Timestamp {
  return at.endsWith('.000Z') ? at : `${at.slice(0, 19)}.000Z`;
}

/** Within all bounds, and a copy of its own that nobody can change. */
function strict(writes: readonly RecordWrite[]): readonly RecordWrite[] {
  return checkWrites(writes).map(({ write, json }) => ({ ...write, body: frozen(JSON.parse(json)) }));
}

function frozen(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  for (const inner of Object.values(value)) frozen(inner);
  return Object.freeze(value);
}

function shelfOf(shelves: Map<string, Shelf>, name: string): Shelf {
  const known = shelves.get(name);
  if (known !== undefined) return known;
  const added: Shelf = { records: new Map(), order: undefined };
  shelves.set(name, added);
  return added;
}

const placeOnList = (order: string, key: RecordKey): string => `${order}\n${key.partition}\n${key.sort}`;

function enlist(lists: Map<string, Shelf>, listing: Listing, record: StoredRecord): void {
  const shelf = shelfOf(lists, listing.list);
  const place = placeOnList(listing.order, record.key);
  if (!shelf.records.has(place)) shelf.order = undefined;
  shelf.records.set(place, record);
}

function unlist(lists: Map<string, Shelf>, listing: Listing, key: RecordKey): void {
  const shelf = shelfOf(lists, listing.list);
  if (shelf.records.delete(placeOnList(listing.order, key))) shelf.order = undefined;
}
