/**
 * Functions and objects that JavaScript and Node bring along: they travel as the path under which the engine finds its
 * own, `Math.sqrt`.
 */

import { createRequire } from "node:module";
import { runInNewContext } from "node:vm";

/** Where an engine finds a builtin. */
export interface BuiltinPath {
  /** The expression that gives the value. */
  readonly code: string;
  /** The global name that the path begins with, if it begins with one. */
  readonly root: string | undefined;
}

/** Global names of Node beside those of JavaScript itself. Those missing here take long to load, as `Request` does. */
const NODE_GLOBALS = [
  ..."process Buffer console URL URLSearchParams TextEncoder TextDecoder AbortController AbortSignal Event".split(" "),
  ..."EventTarget performance fetch structuredClone queueMicrotask setTimeout setInterval setImmediate".split(" "),
  ..."clearTimeout clearInterval clearImmediate atob btoa".split(" "),
];

/** Modules of Node whose functions may travel by name. Loading them has no side effect. */
const NODE_MODULES =
  "os path fs fs/promises url util crypto zlib perf_hooks buffer events querystring timers timers/promises assert v8 vm process child_process";

/** Those of the language and of Node's global object. Filled one after the other, as far as a search goes. */
const globalSources: readonly (() => Map<object, BuiltinPath>)[] = [walkLanguage, walkNodeGlobals];
const searched: Map<object, BuiltinPath>[] = [];

/** Those of Node's modules, as far as this process has loaded them: nobody can hold a function of the others. */
const inModules = new Map<object, BuiltinPath>();
const modulesLeft = new Set(NODE_MODULES.split(" "));
let modulesSeen = -1;

/** The path to a function or object of JavaScript or Node; undefined for any other. */
export function builtinPath(value: object): BuiltinPath | undefined {
  if (value === globalThis) return { code: "globalThis", root: undefined };
  for (const [i, walkSource] of globalSources.entries()) {
    searched[i] ??= walkSource();
    const path = searched[i].get(value);
    if (path) return path;
  }
  walkNewModules();
  return inModules.get(value);
}

function walkLanguage(): Map<object, BuiltinPath> {
  return walkGlobals(runInNewContext("Object.getOwnPropertyNames(globalThis)") as string[]);
}

function walkNodeGlobals(): Map<object, BuiltinPath> {
  return walkGlobals(NODE_GLOBALS);
}

function walkGlobals(roots: readonly string[]): Map<object, BuiltinPath> {
  const paths = new Map<object, BuiltinPath>();
  const found: (readonly [object, BuiltinPath])[] = [];
  for (const root of roots) {
    if (root === "globalThis") continue;
    // Not the descriptor's value: `process`, `Buffer` and some more are accessors.
    const value = (globalThis as Record<string, unknown>)[root];
    if (isObjectLike(value)) found.push([value, { code: root, root }]);
  }
  walk(found, 2, paths);
  return paths;
}

function walkNewModules(): void {
  // Node's own list of what it has loaded: `NativeModule fs`. Where there is none, all are loaded here.
  const list = (process as { moduleLoadList?: readonly string[] }).moduleLoadList;
  if (list?.length === modulesSeen) return;
  modulesSeen = list?.length ?? 0;
  const load = createRequire(import.meta.url);
  for (const name of modulesLeft) {
    if (list && !list.includes(`NativeModule ${name}`)) continue;
    modulesLeft.delete(name);
    const code = `process.getBuiltinModule(${JSON.stringify(`node:${name}`)})`;
    walk([[load(`node:${name}`) as object, { code, root: undefined }]], 2, inModules);
  }
}

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;

function isObjectLike(value: unknown): value is object {
  return typeof value === "function" || (typeof value === "object" && value !== null);
}

/** Breadth first, so that the shortest path wins: `parseFloat` before `Number.parseFloat`. */
function walk(
  level: readonly (readonly [object, BuiltinPath])[],
  depthLeft: number,
  paths: Map<object, BuiltinPath>,
): void {
  const next: (readonly [object, BuiltinPath])[] = [];
  for (const [owner, path] of level) {
    if (paths.has(owner)) continue;
    paths.set(owner, path);
    for (const key of Reflect.ownKeys(owner)) {
      const code = memberCode(path.code, key);
      const value = code === undefined ? undefined : Object.getOwnPropertyDescriptor(owner, key)?.value;
      if (code !== undefined && isObjectLike(value)) next.push([value, { code, root: path.root }]);
    }
  }
  if (depthLeft > 0) walk(next, depthLeft - 1, paths);
  else for (const [value, path] of next) if (!paths.has(value)) paths.set(value, path);
}

function memberCode(owner: string, key: string | symbol): string | undefined {
  if (typeof key === "string") return IDENTIFIER.test(key) ? `${owner}.${key}` : `${owner}[${JSON.stringify(key)}]`;
  const name = key.description?.startsWith("Symbol.") ? key.description.slice("Symbol.".length) : undefined;
  return name === undefined ? undefined : `${owner}[Symbol.${name}]`;
}
