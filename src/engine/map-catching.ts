/** A part of a map whose errors stand in the places of the values that are missing. */

import { mapPartition } from "../parallel-map/map-partition.ts";
import type { OutputKind } from "../parallel-map/output.ts";
import { elementsOf, type Sequence } from "../parallel-map/sequences.ts";
import type { CaughtItems } from "../protocol/caught-items.ts";
import { toRemoteWireError } from "../protocol/wire-error.ts";

type AnyFunction = (...items: unknown[]) => unknown;

/** What a part of a map is, and what is needed for its errors. */
export interface CatchingMap {
  readonly fn: AnyFunction;
  readonly sequences: readonly Sequence[];
  readonly output: OutputKind;
  readonly offset: number;
  readonly place: CaughtItems["place"];
  /** Makes an error say more. */
  readonly explain: (error: unknown) => unknown;
}

/** In the place of a value. */
class Failure {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

/** What `mapPartition` gives, unless the function throws for an item or a result does not fit; then {@link CaughtItems}. */
export function mapCatching(map: CatchingMap): unknown {
  const values = mapPartition(catching(map), map.sequences, { kind: "array" }, map.offset);
  if (values instanceof Promise) return values.then((settled: unknown[]) => fitted(settled, map));
  return fitted(values as unknown[], map);
}

function catching({ fn, explain }: CatchingMap): AnyFunction {
  const failed = (error: unknown): Failure => {
    // That is no result: the task goes to another engine.
    if ((error as Error | undefined)?.name === "UnmetDependency") throw error;
    return new Failure(explain(error));
  };
  return (...items) => {
    try {
      const value = fn(...items);
      return value instanceof Promise ? value.catch(failed) : value;
    } catch (error) {
      return failed(error);
    }
  };
}

/** The values in an output of the kind that is wanted, if all of them are there and fit. */
function fitted(values: unknown[], { output, offset, place }: CatchingMap): unknown {
  const fitTo = (some: unknown[], from: number): unknown => mapPartition((value) => value, [some], output, from);
  if (!values.some((value) => value instanceof Failure)) {
    try {
      return fitTo(values, offset);
    } catch {
      // One of them does not fit: which, shows below.
    }
  }
  const errors: { index: number; error: ReturnType<typeof toRemoteWireError> }[] = [];
  const items = values.map((value, index) => {
    try {
      if (value instanceof Failure) throw value.error;
      return [...elementsOf(fitTo([value], offset + index) as never)][0];
    } catch (error) {
      errors.push({ index, error: toRemoteWireError(error) });
      return undefined;
    }
  });
  return { caught: true, values: items, errors, place } satisfies CaughtItems;
}
