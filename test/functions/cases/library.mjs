// A local module: the engine need not see it.
import { posix } from "node:path";

const factor = 3;
let calls = 0;

export const triple = (x) => factor * x;
export function sextuple(x) {
  return 2 * triple(x);
}
export class Animal {
  static count = 0;
  constructor(name) {
    this.name = name;
  }
  speak() {
    return `${this.name} makes a sound`;
  }
}
export const join = (...parts) => posix.join(...parts);
export function count() {
  return ++calls;
}
export const settings = { rate: 0.5, table: new Float64Array([1, 2, 3]) };
export default function twice(x) {
  return 2 * x;
}
