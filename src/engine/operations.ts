/** What an engine can be asked to do, by name: the engine's half of every view method. */

import { inspect } from "node:util";
import { executeCode } from "../functions/execute.ts";
import { importModule } from "../functions/import-module.ts";
import { mapPartition, reducePartition } from "../parallel-map/map-partition.ts";
import type { OutputKind } from "../parallel-map/output.ts";
import type { Sequence } from "../parallel-map/sequences.ts";
import type { Calls, Operation } from "../protocol/calls.ts";
import type { CaughtItems } from "../protocol/caught-items.ts";
import { mapCatching } from "./map-catching.ts";
import type { Namespace } from "./namespace.ts";

type AnyFunction = (...parameters: unknown[]) => unknown;

/** One function for each operation. */
export type Operations = { readonly [O in Operation]: (call: Calls[O]) => unknown };

export interface OperationContext {
  readonly namespace: Namespace;
  /** Makes a ReferenceError for a name of `fn` that the namespace lacks say so, and what to do. */
  readonly explain: (error: unknown, fn: AnyFunction) => unknown;
  /** Where the running task runs. */
  readonly place: () => CaughtItems["place"];
  /** Whether a value of the last expression of executed code can be sent. */
  readonly canSend: (value: unknown) => boolean;
}

export function makeOperations({ namespace, explain, place, canSend }: OperationContext): Operations {
  /** Calls with errors explained, synchronously as long as `fn` is. */
  const explained = (fn: AnyFunction, call: () => unknown): unknown => {
    try {
      const value = call();
      return value instanceof Promise ? value.catch((error: unknown) => Promise.reject(explain(error, fn))) : value;
    } catch (error) {
      throw explain(error, fn);
    }
  };
  return {
    apply: ({ fn, args }) => {
      const callable = asFunction(fn);
      return explained(callable, () => callable(...args));
    },
    map: ({ fn, sequences, output, offset, catches }) => {
      const callable = asFunction(fn);
      if (catches === true) {
        const map = { sequences: sequences as Sequence[], output: output as OutputKind, offset };
        return mapCatching({ ...map, fn: callable, place: place(), explain: (error) => explain(error, callable) });
      }
      return explained(callable, () =>
        mapPartition(callable as never, sequences as Sequence[], output as OutputKind, offset),
      );
    },
    reduce: ({ fn, sequence }) => {
      const callable = asFunction(fn);
      return explained(callable, () => reducePartition(callable as never, sequence as Sequence));
    },
    execute: async ({ code, silent, file }) => {
      const value = await executeCode(code, { cwd: process.cwd(), ...(file === undefined ? {} : { filename: file }) });
      if (silent) return undefined;
      return canSend(value) ? value : inspect(value);
    },
    push: ({ record }) => {
      for (const [name, value] of Object.entries(record)) namespace.set(name, value);
    },
    pull: ({ names }) =>
      typeof names === "string" ? namespace.find(names) : names.map((name) => namespace.find(name)),
    import: async ({ modules }) => {
      for (const [name, specifier] of Object.entries(modules)) {
        namespace.set(name, unwrapDefault(await importModule(specifier, process.cwd())));
      }
    },
    give: ({ value }) => value,
    clear: () => namespace.clear(),
  };
}

function asFunction(value: unknown): AnyFunction {
  if (typeof value !== "function")
    throw new TypeError(`what is to be called is no function but ${inspect(value, { depth: 0 })}`);
  return value as AnyFunction;
}

/** A module that has nothing but a default export (as CommonJS modules seem to have) is that export. */
function unwrapDefault(module: unknown): unknown {
  const names = Object.keys(module as object).filter((name) => name !== "__esModule" && name !== "module.exports");
  return names.length === 1 && names[0] === "default" ? (module as { default: unknown }).default : module;
}
