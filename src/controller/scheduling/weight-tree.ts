/** Items with weights, to draw one at random in proportion to its weight in O(log n). Sums are kept in a binary tree. */

export class WeightTree<T> {
  #items: (T | undefined)[] = [];
  /** Node `i` has the children `2 i` and `2 i + 1`; the leaves begin at `#capacity`. */
  #sums: Float64Array = new Float64Array(2);
  #capacity = 1;
  readonly #free: number[] = [];

  /** @returns the slot by which the item is known from now on */
  add(item: T, weight: number): number {
    const slot = this.#free.pop() ?? this.#items.length;
    if (slot >= this.#capacity) this.#grow();
    this.#items[slot] = item;
    this.setWeight(slot, weight);
    return slot;
  }

  remove(slot: number): void {
    this.setWeight(slot, 0);
    this.#items[slot] = undefined;
    this.#free.push(slot);
  }

  setWeight(slot: number, weight: number): void {
    let node = this.#capacity + slot;
    this.#sums[node] = weight;
    // Added up anew from the leaves, so that no rounding error builds up.
    for (node >>= 1; node >= 1; node >>= 1) {
      this.#sums[node] = (this.#sums[2 * node] as number) + (this.#sums[2 * node + 1] as number);
    }
  }

  /** The item at which the running sum of the weights passes `fraction` (0 to 1) of the whole. */
  at(fraction: number): T | undefined {
    let left = fraction * (this.#sums[1] as number);
    let node = 1;
    while (node < this.#capacity) {
      const sum = this.#sums[2 * node] as number;
      // Rounding must not lead to a side on which there is nothing.
      const isLeft = left < sum || this.#sums[2 * node + 1] === 0;
      node = isLeft ? 2 * node : 2 * node + 1;
      if (!isLeft) left -= sum;
    }
    return this.#items[node - this.#capacity];
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#items.filter((item) => item !== undefined)[Symbol.iterator]();
  }

  #grow(): void {
    const old = this.#sums.subarray(this.#capacity, 2 * this.#capacity);
    this.#capacity *= 2;
    this.#sums = new Float64Array(2 * this.#capacity);
    this.#sums.set(old, this.#capacity);
    for (let node = this.#capacity - 1; node >= 1; node--) {
      this.#sums[node] = (this.#sums[2 * node] as number) + (this.#sums[2 * node + 1] as number);
    }
  }
}
