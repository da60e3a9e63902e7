/** What is done around each task of an engine that uses tensors. */

import { isModuleNamespaceObject } from "node:util/types";
import { adapterOf, type TaskScope, tensorAdapters } from "./adapter.ts";
import { beginGpuScope } from "./gpu.ts";

/** So many objects are looked at for tensors that must live on; where there are more, all tensors live on. */
const MOST_OBJECTS = 100_000;

const NO_SCOPES: readonly TaskScope[] = [];

/** One task, from its beginning to the time when its result is on its way. */
export interface TensorTask {
  /** Done when devices have done their work. @throws what went wrong there */
  settle(): Promise<void>;
  /** Frees what the task made and nobody holds. @param roots where a tensor that must live on can be reached from */
  release(roots: Iterable<unknown>): void;
}

/** What a task has to wait for before it begins: libraries that were loaded without a backend get one. */
export function adoptLibraries(): Promise<unknown> | undefined {
  let all: Promise<unknown> | undefined;
  for (const adapter of tensorAdapters()) {
    const adopted = adapter.adopt?.();
    if (adopted !== undefined) all = all === undefined ? adopted : Promise.all([all, adopted]);
  }
  return all;
}

/** What the tasks that run now share: tasks overlap when one of them waits for another. */
let shared: { readonly scopes: readonly TaskScope[]; tasks: number } | undefined;

/** Begins a task; undefined as long as no tensor library is used in this process. */
export function beginTensorTask(): TensorTask | undefined {
  const scopes = shared?.scopes ?? beginScopes();
  const gpu = beginGpuScope();
  if (scopes.length === 0 && gpu === undefined) return undefined;
  shared ??= { scopes, tasks: 0 };
  shared.tasks++;
  return {
    settle: async () => {
      for (const scope of scopes) await scope.settle();
      await gpu?.settle();
    },
    release: (roots) => {
      // Which of several tasks made a tensor cannot be told: all are freed when the last of the tasks ends.
      if (shared === undefined || --shared.tasks > 0) return;
      shared = undefined;
      let lives: ((tensor: unknown) => boolean) | undefined;
      const livesOn = (tensor: unknown): boolean => {
        lives ??= reachableFrom(roots);
        return lives(tensor);
      };
      for (const scope of scopes) scope.release(livesOn);
    },
  };
}

/**
 * Frees the tensors in values that are not needed any more, unless they can be reached from elsewhere.
 * @param roots where a tensor that must live on can be reached from
 */
export function releaseTensors(values: readonly unknown[], roots: () => Iterable<unknown>): void {
  const found = [...reachable(values)].filter((value) => adapterOf(value) !== undefined);
  if (found.length === 0) return;
  const lives = reachableFrom(roots());
  for (const tensor of found) {
    const adapter = adapterOf(tensor);
    if (!lives(tensor) && adapter?.isHeld?.(tensor) !== true) adapter?.dispose(tensor);
  }
}

/** Before every task, and mostly for nothing. */
function beginScopes(): readonly TaskScope[] {
  let scopes = NO_SCOPES;
  for (const adapter of tensorAdapters()) {
    const scope = adapter.begin?.();
    if (scope !== undefined) scopes = [...scopes, scope];
  }
  return scopes;
}

function reachableFrom(roots: Iterable<unknown>): (tensor: unknown) => boolean {
  const seen = reachable(roots);
  return seen.size >= MOST_OBJECTS ? () => true : (tensor) => seen.has(tensor);
}

/** Looks through records, lists, maps, sets and instances; functions and modules are not looked into. */
function reachable(roots: Iterable<unknown>): Set<unknown> {
  const seen = new Set<unknown>();
  const waiting: unknown[] = [...roots];
  for (let value = waiting.pop(); waiting.length > 0 || value !== undefined; value = waiting.pop()) {
    if (typeof value !== "object" || value === null || seen.has(value) || ArrayBuffer.isView(value)) continue;
    if (isModuleNamespaceObject(value)) continue;
    if (seen.size === MOST_OBJECTS) return seen;
    seen.add(value);
    if (adapterOf(value) === undefined) pushParts(value, waiting);
  }
  return seen;
}

function pushParts(value: object, waiting: unknown[]): void {
  if (value instanceof Map) waiting.push(...value.keys(), ...value.values());
  else if (value instanceof Set) waiting.push(...value);
  for (const key of Object.keys(value)) {
    const descriptor = Object.getOwnPropertyDescriptor(value, key);
    if (typeof descriptor?.value === "object") waiting.push(descriptor.value);
  }
}
