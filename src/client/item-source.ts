/** Items of several sequences at once, taken one after another: also of endless and of asynchronous ones. */

import { isTypedArray } from "../ndarray-transport/dtypes.ts";
import { isNdArray } from "../ndarray-transport/ndarrays.ts";
import { elementsOf, ndarrayItems, toSequence } from "../parallel-map/sequences.ts";

type AnyIterator = Iterator<unknown> | AsyncIterator<unknown>;

export class ItemSource {
  readonly #iterators: readonly AnyIterator[];
  #isOver = false;

  /** @throws TypeError when there is no sequence, or one of them is none. */
  constructor(sequences: readonly unknown[]) {
    if (sequences.length === 0) throw new TypeError("imap needs at least one sequence after the function");
    this.#iterators = sequences.map((sequence, index) => iteratorOf(sequence, `sequence ${index} of the imap`));
  }

  /** The next item of each, or `undefined` when the shortest has ended. */
  async next(): Promise<unknown[] | undefined> {
    if (this.#isOver) return undefined;
    const items: unknown[] = [];
    for (const iterator of this.#iterators) {
      const step = await iterator.next();
      if (step.done === true) {
        await this.end();
        return undefined;
      }
      items.push(step.value);
    }
    return items;
  }

  /** Lets the sequences clean up. */
  async end(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const iterator of this.#iterators) await iterator.return?.();
  }
}

function iteratorOf(sequence: unknown, name: string): AnyIterator {
  if (isNdArray(sequence) && sequence.shape.length > 0) {
    return (function* () {
      for (let i = 0; i < (sequence.shape[0] as number); i++) yield ndarrayItems(sequence, i, i + 1)[0];
    })();
  }
  if (isTypedArray(sequence)) return sequence[Symbol.iterator]();
  const { [Symbol.asyncIterator]: startAsync, [Symbol.iterator]: start } = Object(sequence) as AsyncIterable<unknown> &
    Iterable<unknown>;
  if (typeof startAsync === "function") return startAsync.call(sequence);
  if (typeof start === "function") return start.call(sequence);
  return elementsOf(toSequence(sequence, name))[Symbol.iterator]();
}
