/** Compares two values down to the identity of their parts. */

import assert from "node:assert";
import { types } from "node:util";

/**
 * Whether both graphs have the same form: values alike by `Object.is`, objects of one prototype, the same own keys in the
 * same order, and wherever one side meets an object again, so does the other.
 *
 * @throws AssertionError that names the first difference
 */
export function assertSameGraph(actual: unknown, expected: unknown, path = "value", met = new Met()): void {
  if (typeof expected !== "object" || expected === null) {
    assert.ok(Object.is(actual, expected), `${path}: ${String(actual)} instead of ${String(expected)}`);
    return;
  }
  assert.ok(typeof actual === "object" && actual !== null, `${path}: a ${typeof actual} instead of an object`);
  if (met.pair(actual, expected, path)) return;
  assert.strictEqual(Object.getPrototypeOf(actual), Object.getPrototypeOf(expected), `${path}: prototype`);
  if (ArrayBuffer.isView(expected)) {
    assert.ok(bytesOf(actual as ArrayBufferView).equals(bytesOf(expected)), `${path}: elements`);
    return;
  }
  if (types.isDate(expected)) assertSameGraph((actual as Date).getTime(), expected.getTime(), `${path} (time)`, met);
  if (types.isMap(expected) || types.isSet(expected)) {
    assertSameGraph([...(actual as Set<unknown>)], [...expected], `${path} (entries)`, met);
  }
  assert.deepStrictEqual(Object.keys(actual), Object.keys(expected), `${path}: keys`);
  if (Array.isArray(expected)) assert.strictEqual((actual as unknown[]).length, expected.length, `${path}: length`);
  for (const key of Object.keys(expected)) {
    const [left, right] = [actual, expected].map(
      (side) => Object.getOwnPropertyDescriptor(side, key)?.value as unknown,
    );
    assertSameGraph(left, right, `${path}[${JSON.stringify(key)}]`, met);
  }
}

function bytesOf(view: ArrayBufferView): Buffer {
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength);
}

class Met {
  private readonly actualOf = new Map<object, object>();
  private readonly expectedOf = new Map<object, object>();

  /** Notes that the two stand for one another; `true` if that is known already. */
  pair(actual: object, expected: object, path: string): boolean {
    const known = this.actualOf.get(expected);
    assert.strictEqual(known, this.expectedOf.has(actual) ? actual : undefined, `${path}: identity`);
    this.actualOf.set(expected, actual);
    this.expectedOf.set(actual, expected);
    return known !== undefined;
  }
}
