import { PermanentError } from '../core/environment/errors.ts';
import type { Clock } from '../core/environment/ports.ts';
import { addSeconds, type Timestamp, toEpochSeconds } from '../core/environment/time.ts';
import { type CheckedWrite, checkPage, checkWrites, nameOf } from '../core/records/limits.ts';
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

/** One stored item. Its body is text, so that nobody changes it by changing what they wrote or read. */
interface Item {
  readonly key: RecordKey;
  readonly version: number;
  readonly json: string;
  readonly listing?: Listing;
  readonly expiresAtSeconds?: number;
}

/** What the lists will know of one item, once the index has caught up. */
interface IndexUpdate {
  readonly visibleAt: Timestamp;
  readonly item: Item;
}

/** `RecordStore` in memory, as exact as DynamoDB: the contract suite runs on both. */
export class MemoryRecordStore implements RecordStore {
  readonly #clock: Clock;
  readonly #listLagSeconds: number;
  /** Partition → sort → item. */
  readonly #partitions = new Map<string, Map<string, Item>>();
  /** List → place → item, as far as the index has caught up. */
  readonly #lists = new Map<string, Map<string, Item>>();
  /** Place → the list its item is on in the index. */
  readonly #listOfPlace = new Map<string, string>();
  #pendingIndexUpdates: IndexUpdate[] = [];

  /** @param options.listLagSeconds how far lists lag behind writes (real indexes do, by a moment) */
  constructor(clock: Clock, options: { readonly listLagSeconds?: number } = {}) {
    this.#clock = clock;
    this.#listLagSeconds = options.listLagSeconds ?? 0;
  }

  get(key: RecordKey): Promise<StoredRecord | undefined> {
    return settle(() => {
      const item = this.#present(key);
      return item === undefined ? undefined : recordOf(item);
    });
  }

  write(writes: readonly RecordWrite[]): Promise<void> {
    return settle(() => {
      const checked = checkWrites(writes);
      // All conditions before any change: all or nothing.
      for (const { write } of checked) this.#expectVersion(write);
      for (const one of checked) this.#put(one);
    });
  }

  query(partition: string, sortPrefix: string, page: PageRequest): Promise<RecordPage> {
    return settle(() => {
      const items = this.#partitions.get(partition)?.values() ?? [];
      const rows = [...items].filter(({ key }) => key.sort.startsWith(sortPrefix)).map((item): Row => ({ item, order: [item.key.sort] }));
      return this.#page(rows, page);
    });
  }

  list(list: string, page: PageRequest): Promise<RecordPage> {
    return settle(() => {
      this.#catchUpIndex();
      const items = this.#lists.get(list)?.values() ?? [];
      const rows = [...items].map((item): Row => ({ item, order: [item.listing?.order ?? '', item.key.partition, item.key.sort] }));
      return this.#page(rows, page);
    });
  }

  /** Every record that has not expired, for invariants that look at the whole world. */
  snapshot(): readonly StoredRecord[] {
    const items = [...this.#partitions.values()].flatMap((partition) => [...partition.values()]);
    return items.filter((item) => !this.#isExpired(item)).map(recordOf);
  }

  #present(key: RecordKey): Item | undefined {
    const item = this.#partitions.get(key.partition)?.get(key.sort);
    return item === undefined || this.#isExpired(item) ? undefined : item;
  }

  #isExpired(item: Item): boolean {
    return item.expiresAtSeconds !== undefined && item.expiresAtSeconds <= toEpochSeconds(this.#clock.now());
  }

  #expectVersion(write: RecordWrite): void {
    const version = this.#present(write.key)?.version ?? 0;
    if (version !== write.expectedVersion) {
      throw new RecordConflictError(`The record ${nameOf(write.key)} is not at version ${write.expectedVersion} any more: read it again and decide again.`);
    }
  }

  #put({ write, json }: CheckedWrite): void {
    const item: Item = {
      key: { partition: write.key.partition, sort: write.key.sort },
      version: write.expectedVersion + 1,
      json,
      ...(write.listing === undefined ? {} : { listing: { list: write.listing.list, order: write.listing.order } }),
      ...(write.expiresAt === undefined ? {} : { expiresAtSeconds: toEpochSeconds(write.expiresAt) }),
    };
    mapIn(this.#partitions, write.key.partition).set(write.key.sort, item);
    this.#pendingIndexUpdates.push({ visibleAt: addSeconds(this.#clock.now(), this.#listLagSeconds), item });
    this.#catchUpIndex();
  }

  #catchUpIndex(): void {
    const now = this.#clock.now();
    // In the order of writes even when the clock went back: an index never shows an older state after a newer one.
    const firstHidden = this.#pendingIndexUpdates.findIndex(({ visibleAt }) => visibleAt > now);
    const visible = firstHidden === -1 ? this.#pendingIndexUpdates : this.#pendingIndexUpdates.slice(0, firstHidden);
    this.#pendingIndexUpdates = this.#pendingIndexUpdates.slice(visible.length);
    for (const { item } of visible) this.#reindex(item);
  }

  #reindex(item: Item): void {
    const place = placeOf(item.key);
    const former = this.#listOfPlace.get(place);
    if (former !== undefined) this.#lists.get(former)?.delete(place);
    this.#listOfPlace.delete(place);
    if (item.listing === undefined) return;
    mapIn(this.#lists, item.listing.list).set(place, item);
    this.#listOfPlace.set(place, item.listing.list);
  }

  /** As DynamoDB pages: the limit counts expired rows too, and a full page has a `next` even when nothing follows. */
  #page(rows: readonly Row[], page: PageRequest): RecordPage {
    checkPage(page);
    const direction = page.newestFirst === true ? -1 : 1;
    const after = page.next === undefined ? undefined : parsePosition(page.next);
    const ordered = rows
      .toSorted((left, right) => direction * compareOrders(left.order, right.order))
      .filter(({ order }) => after === undefined || direction * compareOrders(order, after) > 0)
      .slice(0, page.limit);
    const last = ordered.length === page.limit ? ordered.at(-1) : undefined;
    return {
      records: ordered.filter(({ item }) => !this.#isExpired(item)).map(({ item }) => recordOf(item)),
      ...(last === undefined ? {} : { next: JSON.stringify(last.order) }),
    };
  }
}

/** An item and what it is sorted by. */
interface Row {
  readonly item: Item;
  readonly order: readonly string[];
}

/** Turns a thrown error into a rejected promise, as a call over the network would. */
async function settle<Result>(call: () => Result): Promise<Result> {
  await Promise.resolve();
  return call();
}

function placeOf(key: RecordKey): string {
  return JSON.stringify([key.partition, key.sort]);
}

function recordOf(item: Item): StoredRecord {
  const body: unknown = JSON.parse(item.json);
  return {
    key: item.key,
    version: item.version,
    body,
    ...(item.listing === undefined ? {} : { listing: item.listing }),
    ...(item.expiresAtSeconds === undefined ? {} : { expiresAt: new Date(item.expiresAtSeconds * 1000).toISOString() }),
  };
}

function parsePosition(next: string): readonly string[] {
  try {
    const position: unknown = JSON.parse(next);
    if (Array.isArray(position)) return position.map(String);
  } catch {
    // Not JSON: refused below like any other text that we did not give out.
  }
  throw new PermanentError('The page to continue from is not one that this store gave out: start again from the first page.');
}

function compareOrders(left: readonly string[], right: readonly string[]): number {
  for (const [index, text] of left.entries()) {
    const difference = compareTexts(text, right[index] ?? '');
    if (difference !== 0) return difference;
  }
  return 0;
}

/** DynamoDB sorts by UTF-8 bytes; that is JavaScript's order of UTF-16 units but for surrogates, which stand for the highest characters. */
function compareTexts(left: string, right: string): number {
  if (left === right) return 0;
  const shared = Math.min(left.length, right.length);
  for (let index = 0; index < shared; index += 1) {
    const difference = weightOf(left.charCodeAt(index)) - weightOf(right.charCodeAt(index));
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

function weightOf(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x1_0000 : unit;
}

function mapIn<Value>(maps: Map<string, Map<string, Value>>, name: string): Map<string, Value> {
  const present = maps.get(name);
  if (present !== undefined) return present;
  const added = new Map<string, Value>();
  maps.set(name, added);
  return added;
}
