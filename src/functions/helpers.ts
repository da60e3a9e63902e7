/**
 * Names in a function's text that the engine supplies, because they stand for the module around the function:
 * `import()` and `import.meta` (rewritten to the two names below) and the helpers that compilers leave in the text
 * of a function: esbuild and tsx, vite and vitest, TypeScript's and swc's CommonJS output, and istanbul's counters.
 */

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { isAbsolute, join } from "node:path";
import { pathToFileURL } from "node:url";
import { importFrom } from "./import-module.ts";

/** What `import(…)` becomes in the text of a function that travels. */
export const IMPORT_HELPER = "__ndparallel_import__";
/** What `import.meta` becomes in the text of a function that travels. */
export const IMPORT_META_HELPER = "__ndparallel_import_meta__";

/** Makes a helper for a function that was written in the directory `from`. */
const makers: Readonly<Record<string, (from: string) => unknown>> = {
  [IMPORT_HELPER]: importerIn,
  [IMPORT_META_HELPER]: importMetaIn,
  __vite_ssr_dynamic_import__: importerIn,
  __vite_ssr_import_meta__: importMetaIn,
  __name: () => nameFunction,
  __toESM: () => asNamespace,
  __importStar: () => asNamespace,
  _interop_require_wildcard: () => asNamespace,
  __importDefault: () => asDefaultHolder,
  _interop_require_default: () => asDefaultHolder,
};

/** Istanbul's counters: `cov_1a2b3c().s[0]++`. */
const COVERAGE_COUNTER = /^cov_[0-9a-z]{6,}$/;

/** Whether the engine supplies `name`. */
export function isHelper(name: string): boolean {
  return Object.hasOwn(makers, name) || COVERAGE_COUNTER.test(name);
}

/** The engine's value of a helper, for a function that was written in the directory `from`, if that is known. */
export function makeHelper(name: string, from: string | undefined): unknown {
  const make = Object.hasOwn(makers, name) ? makers[name] : undefined;
  return make ? make(from ?? process.cwd()) : () => coverageSink;
}

function importerIn(from: string): (specifier: string, options?: ImportCallOptions) => Promise<unknown> {
  return (specifier, options) => importFrom(specifier, from, options);
}

/** The engine has no copy of the client's module: `import.meta` tells where the engine works instead. */
function importMetaIn(from: string): object {
  const dirname = existsSync(from) ? from : process.cwd();
  const filename = join(dirname, "_.js");
  return {
    url: pathToFileURL(filename).href,
    dirname,
    filename,
    resolve: (specifier: string) => {
      const path = createRequire(filename).resolve(specifier);
      return isAbsolute(path) ? pathToFileURL(path).href : path;
    },
  };
}

function nameFunction<F extends object>(fn: F, name: string): F {
  return Object.defineProperty(fn, "name", { value: name, configurable: true });
}

type Exports = Readonly<Record<string, unknown>> | null | undefined;

function asNamespace(exports: Exports): unknown {
  return exports?.["__esModule"] ? exports : { ...exports, default: exports };
}

function asDefaultHolder(exports: Exports): unknown {
  return exports?.["__esModule"] ? exports : { default: exports };
}

/** Swallows reads and writes at any depth. */
const coverageSink: object = new Proxy(
  {},
  { get: (_target, key) => (key === Symbol.toPrimitive ? () => 0 : coverageSink), set: () => true },
);
