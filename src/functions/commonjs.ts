/** What Node gives to CommonJS modules: `require`, under whatever name, and `module`. */

import { createRequire, Module } from "node:module";
import { dirname, join } from "node:path";
import { types } from "node:util";
import type { SteppedHandler, Steps, TypeHandler } from "../ndarray-transport/types.ts";
import { requireFrom } from "./import-module.ts";

/** Whether `value` is a module's `require`, or made by `createRequire`. */
export function isRequire(value: unknown): value is NodeJS.Require {
  if (typeof value !== "function" || types.isProxy(value) || !Object.hasOwn(value, "cache")) return false;
  const { resolve } = value as Partial<NodeJS.Require>;
  return typeof resolve === "function" && typeof resolve.paths === "function";
}

/** `require`: by the directory from which it looks for packages. */
export const requireHandler: TypeHandler = {
  name: "require",
  test: isRequire,
  encode: (require: NodeJS.Require): string => dirname(require.resolve.paths("_")?.[0] ?? ""),
  decode: (from: string): unknown => {
    const { resolve, cache } = createRequire(join(from, "_.js"));
    return Object.assign((specifier: string) => requireFrom(specifier, from), { resolve, cache });
  },
};

type ModuleHead = Pick<NodeJS.Module, "id" | "filename" | "path">;
type ModuleBody = Pick<NodeJS.Module, "exports">;

/** `module`: what it exports, by value. */
export const commonjsModuleHandler: SteppedHandler = {
  name: "commonjs module",
  test: (value) => value instanceof Module,
  takeApart: ({ id, filename, path, exports }: NodeJS.Module): Steps => {
    const head: ModuleHead = { id, filename, path };
    const body: ModuleBody = { exports };
    return { head, body, runsCode: false };
  },
  begin: (head: ModuleHead) => {
    const value = { ...head };
    return { value, complete: (body: ModuleBody) => void Object.assign(value, body) };
  },
};
