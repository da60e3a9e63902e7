import { describe, expect, it } from "vitest";
import { createSerializer } from "../../src/functions/serializer.ts";

function roundTrip<F>(fn: F): F {
  const serializer = createSerializer();
  const { head, buffers } = serializer.serialize(fn);
  return serializer.deserialize(head, buffers) as F;
}

describe("what is put on functions after they are made", () => {
  it("travels, accessors and symbols of the language included", () => {
    function List(this: { items: number[] }): void {
      this.items = [1, 2];
    }
    const mine = Symbol("mine");
    Object.assign(List, { made: 1, [mine]: 2 });
    const accessor = { enumerable: true, configurable: true };
    Object.defineProperty(List, "twice", { get: () => 2, ...accessor });
    Object.defineProperty(List.prototype, "length", {
      get(this: { items: number[] }) {
        return this.items.length;
      },
      set(this: { items: number[] }, length: number) {
        this.items.length = length;
      },
      ...accessor,
    });
    List.prototype[Symbol.iterator] = function (this: { items: number[] }) {
      return this.items.values();
    };
    const use = (Made: { new (): Iterable<number> & { length: number }; made: number; twice: number }): unknown => {
      const list = new Made();
      const before = [...list];
      list.length = 1;
      return [Made.made, Made.twice, before, list.length, Object.getOwnPropertySymbols(Made).length];
    };
    const [fn, made] = roundTrip([use, List] as never) as unknown as [typeof use, Parameters<typeof use>[0]];
    expect(fn(made)).toEqual([1, 2, [1, 2], 1, 0]);
  });

  it("says where in an accessor the culprit is", () => {
    const pending = Promise.resolve();
    const fn = (): void => {};
    Object.defineProperty(fn, "later", { get: () => pending, enumerable: true });
    expect(() => createSerializer().serialize(fn)).toThrow(
      /its accessor "later" → \.get → variable "pending" is a Promise/,
    );
  });
});
