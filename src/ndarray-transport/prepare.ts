/** Finds in a received tree, before it is put together, what handlers want to prepare. */

import type { AnyHandler } from "./types.ts";
import { isSpecial, Kind, readSegment } from "./wire.ts";

/** A promise of everything that the handlers prepare for `tree`; undefined if there is nothing to wait for. */
export function prepareTree(tree: unknown, handlers: readonly AnyHandler[]): Promise<unknown> | undefined {
  const started: Promise<unknown>[] = [];
  visit(tree, (name, payload) => {
    const handler = handlers.find((candidate) => candidate.name === name);
    const promise = handler && "decode" in handler ? handler.prepare?.(payload) : undefined;
    if (promise) started.push(promise);
  });
  return started.length > 0 ? Promise.all(started) : undefined;
}

function visit(value: unknown, found: (name: unknown, payload: unknown) => void): void {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return;
  if (!isSpecial(value)) {
    for (const item of Array.isArray(value) ? value : Object.values(value)) visit(item, found);
    return;
  }
  const { parts } = value;
  if (parts[0] === Kind.segment) visit(readSegment(parts[1]), found);
  else if (parts[0] === Kind.handler) found(parts[1], parts[2]);
  for (const part of parts) visit(part, found);
}
