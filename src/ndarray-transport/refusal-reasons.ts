/** Says of a value that cannot be sent what it is, and what to do instead. */

import { types } from "node:util";
import { classNameOf } from "./encode-builtins.ts";
import { Refusal } from "./refusal.ts";

/** Kinds of objects that never travel, each with what is said of it. The first that fits counts. */
const reasons: readonly (readonly [(value: object) => boolean, string])[] = [
  [types.isPromise, "is a Promise; await it, and send what it resolves to"],
  [types.isWeakMap, "is a WeakMap, whose entries cannot be listed; send a Map"],
  [types.isWeakSet, "is a WeakSet, whose items cannot be listed; send a Set"],
  [(value) => value instanceof WeakRef, "is a WeakRef, which may lose its target at any time; send what deref() gives"],
  [types.isProxy, "is a Proxy, whose handler cannot be read; send the object behind it"],
  [types.isBoxedPrimitive, "is a boxed primitive; send what its valueOf() gives"],
  [isIterator, "is an iterator, which can be read only once; collect it in a list first, for example with Array.from"],
  ...handles(),
];

/** What stands for something that this process has open, by a name among its classes and a member that it has. */
function handles(): (readonly [(value: object) => boolean, string])[] {
  const kinds = [
    ["Socket", "remoteAddress", "a socket"],
    ["Server", "listen", "a server"],
    ["FileHandle", "fd", "a file handle"],
    ["ChildProcess", "spawnargs", "a child process"],
    ["Timeout", "refresh", "a timer"],
    ["Immediate", "hasRef", "a timer"],
    ["Worker", "threadId", "a worker thread"],
    ["MessagePort", "postMessage", "a message port"],
    ["Stream", "pipe", "a stream"],
    ["ReadableStream", "getReader", "a stream"],
    ["WritableStream", "getWriter", "a stream"],
  ] as const;
  return kinds.map(([className, member, noun]) => [
    (value) => member in value && hasClassNamed(value, className),
    `is ${noun}, which belongs to this process; open it inside the function, or send the data`,
  ]);
}

function hasClassNamed(value: object, name: string): boolean {
  for (let above = Object.getPrototypeOf(value); above !== null; above = Object.getPrototypeOf(above)) {
    if (Object.hasOwn(above, "constructor") && (above as { constructor: unknown }).constructor instanceof Function) {
      if ((above as object).constructor.name === name) return true;
    }
  }
  return false;
}

/** The refusal of a value of a kind that never travels; undefined for any other. */
export function refusalByKind(value: object): Refusal | undefined {
  const known = reasons.find(([is]) => is(value));
  return known === undefined ? undefined : new Refusal(known[1]);
}

export function refusalOf(value: object): Refusal {
  if (typeof value === "function") return refusalOfFunction(value);
  const byKind = refusalByKind(value);
  if (byKind !== undefined) return byKind;
  const name = classNameOf(value);
  const kind = name === undefined ? "a class without a name" : `class ${name}`;
  return new Refusal(`is an instance of ${kind}; send plain data, or register the type with registerType`);
}

function refusalOfFunction(value: { readonly name?: unknown }): Refusal {
  if (types.isProxy(value)) return new Refusal("is a Proxy of a function; send the function itself");
  const named = typeof value.name === "string" && value.name !== "" ? `function ${value.name}` : "function";
  return new Refusal(`is a ${named}, and functions cannot be sent from here; send plain data`);
}

function isIterator(value: object): boolean {
  if (types.isGeneratorObject(value)) return true;
  const candidate = value as Partial<Iterator<unknown> & Iterable<unknown> & AsyncIterable<unknown>>;
  const isIterable = Symbol.iterator in candidate || Symbol.asyncIterator in candidate;
  return isIterable && typeof candidate.next === "function";
}
