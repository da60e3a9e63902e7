import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { allocate, dtypes, type TypedArray } from "../../src/ndarray-transport/dtypes.ts";
import { makeNdArray } from "../../src/ndarray-transport/ndarrays.ts";
import { produce } from "../../src/ndarray-transport/produce.ts";
import { isReadonly, markReadonly } from "../../src/ndarray-transport/readonly.ts";

describe("produce", () => {
  it.each(dtypes)("gives back an array of dtype %s that the recipe only reads, and a changed copy else", (dtype) => {
    const base = markReadonly(allocate(dtype, 100));
    const one = (typeof base[0] === "bigint" ? 1n : 1) as never;
    expect(produce(base, (draft) => void draft.indexOf(one))).toBe(base);
    const next = produce(base, (draft) => {
      draft[99] = one;
    });
    expect(next.constructor).toBe(base.constructor);
    expect([Number(next[99]), Number(base[99]), isReadonly(next)]).toEqual([1, 0, false]);
  });

  it("compares bit for bit: NaN is NaN, but -0 is not 0", () => {
    const base = new Float64Array([Number.NaN, 0]);
    expect(
      produce(base, (draft) => {
        draft[0] = base[0] as number;
      }),
    ).toBe(base);
    expect(
      produce(base, (draft) => {
        draft[1] = -0;
      }),
    ).not.toBe(base);
  });

  it("works on ndarrays of any layout", () => {
    const base = makeNdArray(
      Float64Array.from({ length: 24 }, (_, i) => i),
      [4, 6],
    )
      .transpose(1, 0)
      .step(2, -1);
    expect(produce(base, (draft) => void draft.get(0, 0))).toBe(base);
    const next = produce(base, (draft) => {
      draft.set(1, 2, -5);
    });
    // By definition: element (i, j) of the view is element (3 - j, 2 i) of the 4 by 6 array.
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 4; j++) {
        expect(base.get(i, j)).toBe((3 - j) * 6 + 2 * i);
        expect(next.get(i, j)).toBe(i === 1 && j === 2 ? -5 : (3 - j) * 6 + 2 * i);
      }
    }
    const scalar = makeNdArray(new Float32Array([7]), []);
    expect(produce(scalar, () => undefined)).toBe(scalar);
    expect(produce(scalar, (draft) => void draft.set(8)).get()).toBe(8);
  });

  it("works on Buffers, DataViews and ArrayBuffers", () => {
    const buffer = markReadonly(Buffer.from([1, 2]));
    expect(produce(buffer, (draft) => void draft.writeUInt8(9, 1))).toEqual(Buffer.from([1, 9]));
    const view = new DataView(new ArrayBuffer(8), 2, 4);
    expect(produce(view, (draft) => draft.setInt16(0, 5)).getInt16(0)).toBe(5);
    expect(view.getInt16(0)).toBe(0);
    const memory = new ArrayBuffer(4);
    expect(produce(memory, (draft) => void new Uint8Array(draft))).toBe(memory);
    expect(new Uint8Array(produce(memory, (draft) => void new Uint8Array(draft).fill(1)))[3]).toBe(1);
  });

  it("keeps a key that is named as the prototype, and the prototype", () => {
    const base = JSON.parse('{ "__proto__": 0, "a": [1] }') as { a: number[] };
    const next = produce(base, (draft) => void draft.a.push(2));
    expect(JSON.stringify(next)).toBe('{"__proto__":0,"a":[1,2]}');
    expect(Object.getPrototypeOf(next)).toBe(Object.prototype);
    const bare = Object.assign(Object.create(null) as { a: number[] }, { a: [1] });
    expect(Object.getPrototypeOf(produce(bare, (draft) => void draft.a.push(2)))).toBeNull();
  });

  it("shares what did not change, at any depth", () => {
    const base = {
      layers: [
        { w: new Float64Array(3), b: new Float64Array(1) },
        { w: new Float64Array(3), b: new Float64Array(1) },
      ],
      names: new Map([["a", { at: new Int8Array(2) }]]),
      tags: new Set(["x"]),
      made: new Date(0),
    };
    const next = produce(base, (draft) => {
      (draft.layers[1] as { w: Float64Array }).w[2] = 5;
      draft.names.get("a");
    });
    expect(next).not.toBe(base);
    expect(next.layers[0]).toBe(base.layers[0]);
    expect(next.layers[1]?.b).toBe(base.layers[1]?.b);
    expect(next.layers[1]?.w).toEqual(new Float64Array([0, 0, 5]));
    expect(base.layers[1]?.w).toEqual(new Float64Array(3));
    expect([next.names === base.names, next.tags === base.tags, next.made === base.made]).toEqual([true, true, true]);
    const mapped = produce(base, (draft) => {
      for (const entry of draft.names.values()) entry.at[0] = 1;
      draft.tags.add("y");
    });
    expect(mapped.names.get("a")?.at[0]).toBe(1);
    expect([...mapped.tags]).toEqual(["x", "y"]);
    expect(base.names.get("a")?.at[0]).toBe(0);
    expect([[...base.tags], mapped.layers === base.layers]).toEqual([["x"], true]);
  });

  it("takes drafts to new places", () => {
    const base = { list: [new Int8Array([1]), new Int8Array([2])], extra: undefined as unknown };
    const next = produce(base, (draft) => {
      (draft.list[0] as Int8Array)[0] = 7;
      draft.extra = { deep: [draft.list[0], draft.list[1]] };
      draft.list.reverse();
    });
    const { deep } = next.extra as { deep: Int8Array[] };
    expect(next.list.map((array) => array[0])).toEqual([2, 7]);
    expect(deep[0]).toBe(next.list[1]);
    expect(deep[1]).toBe(base.list[1]);
    expect(base.list.map((array) => array[0])).toEqual([1, 2]);
  });

  it("does to nested values what the recipe would do to a deep copy, and never changes the original", () => {
    const leaf = fc.oneof(
      fc.integer(),
      fc.uint8Array({ minLength: 1, maxLength: 4 }),
      fc.float64Array({ minLength: 1, maxLength: 4, noNaN: true }),
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        leaf,
        fc.array(tie("tree"), { minLength: 1, maxLength: 3 }),
        fc.dictionary(fc.constantFrom("a", "b", "c"), tie("tree"), { minKeys: 1, maxKeys: 3, noNullPrototype: true }),
        fc.array(fc.tuple(fc.constantFrom("a", "b"), tie("tree")), { minLength: 1 }).map((entries) => new Map(entries)),
      ),
    }));
    const root = fc.oneof(
      fc.array(tree, { minLength: 1, maxLength: 4 }),
      fc.dictionary(fc.string(), tree, { minKeys: 1, noNullPrototype: true }),
    );
    fc.assert(
      fc.property(root, fc.array(fc.nat(), { maxLength: 12 }), (base, choices) => {
        const before = structuredClone(base);
        const expected = structuredClone(base);
        change(expected, choices);
        const next = produce(base as object, (draft) => change(draft, choices));
        expect(next).toEqual(expected);
        expect(base).toEqual(before);
        if (isDeepStrictEqual(expected, before)) expect(next).toBe(base);
      }),
      { numRuns: 500 },
    );
  });

  it("says what it cannot do", () => {
    expect(() => produce(3, () => undefined)).toThrow(
      new TypeError(
        "produce(base, recipe): base must be an array of numbers, or a plain object, list, Map or Set, not number",
      ),
    );
    expect(() => produce({}, undefined as never)).toThrow("recipe must be a function");
    expect(() => produce({}, (async () => undefined) as never)).toThrow("recipe must not be asynchronous");
    const self: { me?: unknown } = {};
    self.me = self;
    expect(() =>
      produce(self, (draft) => {
        (draft.me as { x?: number }).x = 1;
      }),
    ).toThrow("refers to itself");
  });
});

/** Walks into the value as the numbers say and changes something there; the same numbers do the same to equal values. */
function change(root: unknown, choices: readonly number[]): void {
  let at = root;
  for (const choice of choices) {
    if (ArrayBuffer.isView(at)) {
      const array = at as TypedArray;
      array[choice % array.length] = ((choice % 7) + 1) as never;
      at = root;
    } else if (Array.isArray(at)) {
      if (choice % 5 === 0) at.push(choice);
      else if (choice % 5 === 1 && at.length > 1) at.reverse();
      at = at[choice % at.length];
    } else if (at instanceof Map) {
      const keys = [...at.keys()];
      if (choice % 5 === 0) at.set("new", choice);
      else if (choice % 5 === 1 && keys.length > 1) at.delete(keys[0]);
      at = at.get(keys[choice % keys.length]);
    } else if (typeof at === "object" && at !== null) {
      const record = at as Record<string, unknown>;
      const keys = Object.keys(record);
      if (choice % 5 === 0) record["new"] = choice;
      else if (choice % 5 === 1 && keys.length > 1) delete record[keys[0] as string];
      at = record[keys[choice % keys.length] as string];
    } else {
      at = root;
    }
  }
}
