/** Something that will happen at a moment of virtual time. */
export interface Scheduled<Event> {
  readonly at: number;
  readonly order: number;
  readonly event: Event;
}

/** What happens next, by time; at the same moment in the order of planning. A binary heap. */
export class EventQueue<Event> {
  readonly #heap: Scheduled<Event>[] = [];
  #order = 0;

  get size(): number {
    return this.#heap.length;
  }

  push(at: number, event: Event): void {
    this.#order += 1;
    const added: Scheduled<Event> = { at, order: this.#order, event };
    let index = this.#heap.length;
    this.#heap.push(added);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = this.#heap[parent];
      if (above === undefined || isBefore(above, added)) break;
      this.#heap[index] = above;
      index = parent;
    }
    this.#heap[index] = added;
  }

  peek(): Scheduled<Event> | undefined {
    return this.#heap[0];
  }

  pop(): Scheduled<Event> | undefined {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (first === undefined || last === undefined || this.#heap.length === 0) return first;
    this.#sink(last);
    return first;
  }

  #sink(moved: Scheduled<Event>): void {
    let index = 0;
    for (;;) {
      const child = this.#smallerChild(index);
      const below = this.#heap[child];
      if (below === undefined || isBefore(moved, below)) break;
      this.#heap[index] = below;
      index = child;
    }
    this.#heap[index] = moved;
  }

  #smallerChild(index: number): number {
    const left = 2 * index + 1;
    const [first, second] = [this.#heap[left], this.#heap[left + 1]];
    return first !== undefined && second !== undefined && isBefore(second, first) ? left + 1 : left;
  }
}

function isBefore(left: Scheduled<unknown>, right: Scheduled<unknown>): boolean {
  return left.at < right.at || (left.at === right.at && left.order < right.order);
}
