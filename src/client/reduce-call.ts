/** How the parts' results of a fold become its result. */

import type { Assembly } from "./assembly.ts";

/** `combine` folds the list of the initial value and the parts' results, on an engine. */
export function reduceAssembly<E>(
  single: boolean,
  initial: readonly E[],
  combine: (values: readonly unknown[]) => Promise<E>,
): Assembly<E> {
  return {
    single,
    takesRefs: true,
    assemble: (values) => {
      const all = [...initial, ...values];
      return all.length === 1 ? (all[0] as E) : combine(all);
    },
    items: (value) => [value],
  };
}
