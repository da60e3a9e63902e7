/** Numbers are written as msgpack says: what msgpackr writes is the same, byte by byte, and what is written is read back. */

import { Packr } from "msgpackr";
import { describe, expect, test } from "vitest";
import {
  areFewNumbers,
  lengthOfNumbers,
  readNumber,
  readNumbers,
  writeNumber,
  writeNumbers,
} from "../../src/ndarray-transport/wire-numbers.ts";

const packr = new Packr({ useRecords: false });

const edges = [0, 1, 127, 128, 255, 256, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1];
const others = [-0, 0.5, -0.5, 1e-320, 5e-324, Number.MAX_VALUE, Number.NaN, Number.POSITIVE_INFINITY, 1e300, 1 / 3];

function written(value: number): Buffer {
  const bytes = Buffer.alloc(16);
  return bytes.subarray(0, writeNumber(bytes, 0, value));
}

function writtenList(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(lengthOfNumbers(values));
  expect(writeNumbers(bytes, 0, values)).toBe(bytes.byteLength);
  return bytes;
}

test.each(edges)("%d is what msgpackr writes", (value) => {
  expect(written(value)).toEqual(Buffer.from(packr.pack(value)));
});

test.each([...edges, ...edges.map((value) => -value), ...others, ...others.map((value) => -value)])(
  "%d is read by msgpackr, and back",
  (value) => {
    const bytes = written(value);
    expect(Object.is(packr.unpack(bytes), value)).toBe(true);
    expect(Object.is(readNumber(bytes, 0, bytes.byteLength), value)).toBe(true);
  },
);

describe("lists", () => {
  test("are what msgpackr writes, and read back", () => {
    for (let length = 0; length < 16; length++) {
      const values = Array.from({ length }, (_, index) => edges[(index * 5 + length) % edges.length] as number);
      expect(areFewNumbers(values)).toBe(true);
      const bytes = writtenList(values);
      expect(bytes).toEqual(Buffer.from(packr.pack(values)));
      expect(readNumbers(bytes, 0, bytes.byteLength)).toEqual(values);
    }
    const bytes = writtenList(others);
    expect(readNumbers(bytes, 0, bytes.byteLength)).toEqual(others);
  });

  test("that are longer, or have something else, are for msgpackr", () => {
    expect(areFewNumbers(new Array(16).fill(1))).toBe(false);
    for (const value of [[1, "2"], [undefined], [1n], [[1]], 1, "1", { length: 1 }])
      expect(areFewNumbers(value)).toBe(false);
    for (const value of [new Array(16).fill(1), [1, "2"], [-1], [true], [null], { a: 1 }, "text", [[1]]]) {
      const bytes = Buffer.from(packr.pack(value));
      expect(readNumbers(bytes, 0, bytes.byteLength)).toBe(undefined);
    }
    for (const value of ["1", -1, true, null, [1]]) {
      const bytes = Buffer.from(packr.pack(value));
      expect(readNumber(bytes, 0, bytes.byteLength)).toBe(undefined);
    }
  });
});

test("what is cut short, or has something behind it, is no number and no list of numbers", () => {
  for (const value of [...edges, ...others]) {
    const [one, list] = [written(value), writtenList([1, value])];
    for (let end = 0; end < list.byteLength; end++) {
      expect(readNumbers(list, 0, end)).toBe(undefined);
      if (end < one.byteLength) expect(readNumber(one, 0, end)).toBe(undefined);
    }
    // Nor is what lies behind the end looked at.
    expect(readNumber(Buffer.concat([Buffer.from("text"), one]), 4, 4)).toBe(undefined);
    expect(readNumber(Buffer.concat([Buffer.from(packr.pack("text"))]), 0, 0)).toBe(undefined);
    expect(readNumber(Buffer.concat([one, one]), 0, 2 * one.byteLength)).toBe(undefined);
    expect(readNumbers(Buffer.concat([list, one]), 0, list.byteLength + one.byteLength)).toBe(undefined);
  }
});
