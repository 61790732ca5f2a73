import type { Actor } from './actor.js';

/** Something that is to happen to an actor at a moment. */
export interface Happening {
  readonly at: number;
  /** Of two at one moment, the one that was planned first comes first. */
  readonly order: number;
  readonly actor: Actor;
  readonly label: string;
  readonly run: () => void;
  cancelled: boolean;
}

/** What is to happen, the earliest first: a binary heap. */
export class Agenda {
  private readonly heap: Happening[] = [];

  add(happening: Happening): void {
    const { heap } = this;
    let at = heap.push(happening) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(happening, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = happening;
  }

  next(): Happening | undefined {
    const { heap } = this;
    const first = heap[0];
    const last = heap.pop();
    if (heap.length > 0 && last) this.sink(last);
    return first;
  }

  private sink(happening: Happening): void {
    const { heap } = this;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, happening)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = happening;
  }
}

function isBefore(one: Happening, other: Happening): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}
