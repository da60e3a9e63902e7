import fc from "fast-check";
import { describe, test } from "vitest";
import { allocate, type DType, dtypes } from "../../src/ndarray-transport/dtypes.ts";
import { INLINE_LIMIT, Serializer } from "../../src/ndarray-transport/serializer.ts";
import { assertSameGraph } from "./same-graph.ts";

const serializer = new Serializer();

function assertSurvives(value: unknown): void {
  const { head, buffers } = serializer.serialize(value);
  // As it is after a journey: other memory, at any offset.
  const arrived = buffers.map((buffer, i) => {
    const frame = new Uint8Array(buffer.byteLength + i);
    frame.set(buffer, i);
    return frame.subarray(i);
  });
  assertSameGraph(serializer.deserialize(new Uint8Array(head), arrived), value);
}

const codeUnits = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) });
const text = fc.oneof(fc.string(), fc.string({ unit: "grapheme" }), codeUnits);
const number = fc.oneof(fc.integer(), fc.double(), fc.constantFrom(-0, NaN, Infinity, -Infinity, 2 ** 53));
const scalar = fc.oneof(number, text, fc.boolean(), fc.constantFrom(null, undefined), fc.bigInt());
const array = fc
  .record({
    dtype: fc.constantFrom<DType>(...dtypes),
    length: fc.oneof(fc.nat(20), fc.constant(INLINE_LIMIT)),
    start: fc.nat(3),
    fill: fc.nat(255),
  })
  .map(({ dtype, length, start, fill }) => {
    const whole = allocate(dtype, start + length + 2);
    new Uint8Array(whole.buffer).fill(fill);
    return whole.subarray(start, start + length);
  });
const key = fc.oneof(text, fc.constantFrom("__proto__", "constructor", "toJSON", "length", "0", "-1", "10"));

function recordOf(entries: readonly (readonly [string, unknown])[]): object {
  const record = {};
  for (const [name, value] of entries) {
    Object.defineProperty(record, name, { value, enumerable: true, writable: true, configurable: true });
  }
  return record;
}

const { value: anything } = fc.letrec((tie) => {
  const value = tie("value");
  return {
    value: fc.oneof(
      { maxDepth: 5 },
      scalar,
      fc.oneof(array, fc.date({ noInvalidDate: false })),
      fc.array(value, { maxLength: 6 }),
      fc.sparseArray(value, { maxNumElements: 4 }),
      fc.array(fc.tuple(key, value), { maxLength: 6 }).map(recordOf),
      fc.array(fc.tuple(value, value), { maxLength: 4 }).map((entries) => new Map(entries)),
      fc.array(value, { maxLength: 4 }).map((items) => new Set(items)),
    ),
  };
});

describe("for any value", () => {
  test("what arrives is what was sent", () => {
    fc.assert(fc.property(anything, assertSurvives), { numRuns: 1000 });
  });

  test("every object keeps its identity, in any graph", () => {
    const graph = fc
      .record({
        kinds: fc.array(fc.constantFrom("list", "record", "map", "set", "sparse", "array"), {
          minLength: 1,
          maxLength: 8,
        }),
        edges: fc.array(fc.tuple(fc.nat(7), fc.nat(7)), { maxLength: 24 }),
      })
      .map(({ kinds, edges }) => {
        const nodes = kinds.map(makeNode);
        for (const [from, to] of edges)
          connect(nodes[from % nodes.length] as object, nodes[to % nodes.length] as object);
        return nodes[0];
      });
    fc.assert(fc.property(graph, assertSurvives), { numRuns: 1000 });
  });
});

function makeNode(kind: string): object {
  if (kind === "record") return {};
  if (kind === "map") return new Map();
  if (kind === "set") return new Set();
  if (kind === "array") return new Int16Array([1, 2]);
  return kind === "sparse" ? new Array(3) : [];
}

function connect(from: object, to: object): void {
  if (Array.isArray(from)) from.push(to);
  else if (from instanceof Map) from.set(from.size % 2 === 0 ? to : from.size, to);
  else if (from instanceof Set) from.add(to);
  else if (!ArrayBuffer.isView(from)) (from as Record<string, object>)[`p${Object.keys(from).length}`] = to;
}
