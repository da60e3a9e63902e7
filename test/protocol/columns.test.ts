/** Columns of numbers come back as they were, whatever they are, and take no more bytes than their numbers need. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { readColumns, writeColumns } from "../../src/protocol/columns.ts";

function throughBytes(columns: readonly number[][]): number[][] {
  const bytes = writeColumns(columns);
  // From anywhere in memory.
  const elsewhere = new Uint8Array(bytes.byteLength + 3).subarray(3);
  elsewhere.set(bytes);
  return readColumns(elsewhere, columns.length, columns[0]?.length ?? 0).map((column) => [...column]);
}

test("every kind of column comes back as it was, in its few bytes", () => {
  const start = 1_700_000_000_000;
  const cases: [bytesEach: number, column: number[]][] = [
    [0, [7, 7, 7, 7]],
    [0, [start, start + 1, start + 2, start + 3]],
    [1, [start + 200, start, start + 255, start + 1]],
    [2, [-5, 60_000, 0, 1]],
    [4, [0, 2 ** 32 - 1, 5, 6]],
    [4, [0.5, -0, 1 / 4096, Number.NEGATIVE_INFINITY]],
    [8, [0.1, Number.MAX_SAFE_INTEGER, Number.NaN, 3]],
    [8, [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, 0, 1]],
  ];
  for (const [bytesEach, column] of cases) {
    const base = bytesEach === 8 || column.includes(0.5) ? 0 : 8;
    expect(writeColumns([column]).byteLength, `${column}`).toBe(1 + base + 4 * bytesEach);
    expect(throughBytes([column])).toEqual([column]);
  }
  expect(throughBytes(cases.map(([, column]) => column))).toEqual(cases.map(([, column]) => column));
});

test("whatever numbers there are, they come back as they were", () => {
  const number = fc.oneof(fc.double(), fc.float(), fc.integer(), fc.nat(300), fc.maxSafeInteger());
  const columns = fc
    .nat(20)
    .chain((count) => fc.array(fc.array(number, { minLength: count, maxLength: count }), { maxLength: 4 }))
    .filter((all) => all.length > 0);
  fc.assert(
    fc.property(columns, (all) => {
      expect(throughBytes(all)).toEqual(all);
    }),
  );
});

test("what are no columns of that many numbers are refused", () => {
  const bytes = writeColumns([
    [1, 2, 4],
    [1.5, 2.5, 1e300],
  ]);
  for (const [columns, count] of [
    [1, 3],
    [3, 3],
    [2, 2],
    [2, 4],
  ] as const) {
    expect(() => readColumns(bytes, columns, count)).toThrow(TypeError);
  }
  for (let length = 0; length < bytes.byteLength; length++) {
    expect(() => readColumns(bytes.subarray(0, length), 2, 3)).toThrow(TypeError);
  }
  expect(() => readColumns(Uint8Array.of(200, 0, 0), 1, 0)).toThrow(TypeError);
});
