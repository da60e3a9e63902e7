/**
 * The namespace of an engine: the global object of its process, so that functions read its names at full speed.
 * Remembers what was there at the start, so that everything else can be cleared.
 */

import { LateArray } from "../ndarray-transport/late-array.ts";
import { isLibraryGlobal } from "../tensors/library-globals.ts";

/** Names without which the process could not go on. */
const PROTECTED: ReadonlySet<string> = new Set(
  "globalThis global process Buffer Object Function Array ArrayBuffer Map Set WeakMap WeakSet WeakRef Symbol Promise Proxy Reflect Error TypeError RangeError Number String Boolean BigInt JSON Math Date RegExp queueMicrotask setImmediate setTimeout clearTimeout".split(
    " ",
  ),
);

/** What stands under a name until somebody looks, by the getter that is there meanwhile. */
const lateArrays = new WeakMap<() => unknown, LateArray>();

export class Namespace {
  readonly #initial = new Map<string, PropertyDescriptor>();
  readonly #describe: () => string;

  /** `describe` names the engine in messages. */
  constructor(describe: () => string) {
    this.#describe = describe;
    for (const name of Object.getOwnPropertyNames(globalThis)) {
      const descriptor = Object.getOwnPropertyDescriptor(globalThis, name);
      if (descriptor !== undefined) this.#initial.set(name, descriptor);
    }
  }

  /**
   * Assigns `value` to `name`; a dotted name reaches inside what is there. A {@link LateArray} is opened when somebody
   * looks at the name.
   * @throws TypeError for a name the process needs, ReferenceError when the path to a dotted name does not exist.
   */
  set(name: string, value: unknown): void {
    const path = name.split(".");
    const last = path.pop() as string;
    if (path.length > 0) {
      const target = this.get(path.join("."));
      if (target === null || (typeof target !== "object" && typeof target !== "function")) {
        throw new TypeError(`"${path.join(".")}" is not an object: "${name}" cannot be set`);
      }
      (target as Record<string, unknown>)[last] = value instanceof LateArray ? value.open() : value;
      return;
    }
    if (PROTECTED.has(last)) throw new TypeError(`"${last}" is a global of the runtime; choose another name`);
    dropLate(last);
    if (value instanceof LateArray && value.bytes !== undefined) defineLate(last, value);
    else define(last, value instanceof LateArray ? value.open() : value);
  }

  /** @throws ReferenceError when there is no such name. */
  get(name: string): unknown {
    const path = name.split(".");
    let value: unknown = globalThis;
    path.forEach((key, index) => {
      if ((typeof value !== "object" && typeof value !== "function") || value === null || !(key in value)) {
        const missing = path.slice(0, index + 1).join(".");
        throw new ReferenceError(
          `${missing} is not defined in the namespace of ${this.#describe()}: push it, scatter it, or define it with execute`,
        );
      }
      value = (value as Record<string, unknown>)[key];
    });
    return value;
  }

  /** As {@link get}, but for an array that nobody has looked at yet: that is not opened. */
  find(name: string): unknown {
    return lateAt(name) ?? this.get(name);
  }

  /** What came after the start, by name; not what would run code to be read. */
  added(): Record<string, unknown> {
    const added: Record<string, unknown> = {};
    for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(globalThis))) {
      if (!this.#initial.has(name) && !isLibraryGlobal(name) && "value" in descriptor) added[name] = descriptor.value;
    }
    return added;
  }

  /** Takes away everything that came after the start, and puts back what was overwritten. */
  clear(): void {
    for (const name of Object.getOwnPropertyNames(globalThis)) {
      if (isLibraryGlobal(name)) continue;
      const initial = this.#initial.get(name);
      const current = Object.getOwnPropertyDescriptor(globalThis, name);
      if (current?.configurable !== true) continue;
      dropLate(name);
      if (initial === undefined) delete (globalThis as Record<string, unknown>)[name];
      else if (current.value !== initial.value || current.get !== initial.get)
        Object.defineProperty(globalThis, name, initial);
    }
  }
}

function define(name: string, value: unknown): void {
  Object.defineProperty(globalThis, name, { value, writable: true, enumerable: true, configurable: true });
}

/** The first look at the name, or an assignment to it, makes an ordinary global of it. */
function defineLate(name: string, late: LateArray): void {
  const get = (): unknown => {
    const value = late.open();
    if (isStanding(name, get)) define(name, value);
    return value;
  };
  const set = (value: unknown): void => {
    dropLate(name);
    define(name, value);
  };
  lateArrays.set(get, late);
  Object.defineProperty(globalThis, name, { get, set, enumerable: true, configurable: true });
}

function isStanding(name: string, get: () => unknown): boolean {
  return Object.getOwnPropertyDescriptor(globalThis, name)?.get === get;
}

/** What stands under that name is not needed any more. */
function dropLate(name: string): void {
  lateAt(name)?.drop();
}

function lateAt(name: string): LateArray | undefined {
  const get = Object.getOwnPropertyDescriptor(globalThis, name)?.get;
  return get && lateArrays.get(get);
}
