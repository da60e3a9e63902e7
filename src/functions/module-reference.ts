/**
 * Imports that travel by name: the client sends which export of which module a variable stands for, and the engine
 * imports the module itself.
 */

import type { TypeHandler } from "../ndarray-transport/types.ts";
import { BoundedCache } from "./bounded-cache.ts";
import type { ModuleLoader } from "./import-map.ts";
import { importFrom, requireFrom } from "./import-module.ts";

/** An export of a module, in place of its value. */
export class ModuleReference {
  readonly specifier: string;
  /** The name of the export; `*` for the module itself. */
  readonly exported: string;
  readonly via: ModuleLoader;
  /** The directory of the module that imports it. */
  readonly from: string;

  constructor(specifier: string, exported: string, via: ModuleLoader, from: string) {
    this.specifier = specifier;
    this.exported = exported;
    this.via = via;
    this.from = from;
  }
}

type Payload = [specifier: string, exported: string, via: ModuleLoader, from: string];
type Exports = Record<string, unknown>;

/** What was imported, by directory and specifier. Node keeps modules for good as well. */
const loaded = new BoundedCache<Exports>(10_000);

export const moduleHandler: TypeHandler = {
  name: "module",
  test: (value) => value instanceof ModuleReference,
  encode: ({ specifier, exported, via, from }: ModuleReference): Payload => [specifier, exported, via, from],
  decode: ([specifier, exported, via, from]: Payload): unknown => {
    const imported = via === "import" ? loaded.get(keyOf(specifier, from)) : undefined;
    const module = imported ?? load(specifier, via, from);
    return exportOf(module, exported, specifier);
  },
  prepare: (payload) => {
    const [specifier, , via, from] = payload as Payload;
    if (via !== "import" || loaded.get(keyOf(specifier, from))) return undefined;
    return importFrom(specifier, from).then((module) => {
      loaded.set(keyOf(specifier, from), module);
    });
  },
};

function keyOf(specifier: string, from: string): string {
  return `${specifier}\0${from}`;
}

/** Without waiting: as CommonJS modules do it, and for functions that come back to a client. */
function load(specifier: string, via: ModuleLoader, from: string): Exports {
  const exports = requireFrom(specifier, from) as Exports;
  const isModule = Boolean(exports?.["__esModule"]);
  if (via === "require" || isModule) return exports;
  return via === "requireDefault" ? { default: exports } : { ...exports, default: exports };
}

function exportOf(module: Exports, exported: string, specifier: string): unknown {
  if (exported === "*") return module;
  if (module != null && exported in Object(module)) return module[exported];
  // A CommonJS module whose names cannot be told before it runs.
  const inner = module["default"] as Exports | undefined;
  if (inner != null && exported in Object(inner)) return inner[exported];
  throw new SyntaxError(`the module "${specifier}" of this engine does not provide an export named "${exported}"`);
}
