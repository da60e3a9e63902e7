/** Results of calls as arguments of others: sent by the names of their tasks, so that their bytes need not come here. */

import { Refusal } from "../ndarray-transport/refusal.ts";
import type { TypeHandler } from "../ndarray-transport/types.ts";
import type { ResultArgument } from "../protocol/calls.ts";
import { AsyncResult } from "./async-result.ts";
import { meetResult } from "./met-results.ts";

export const resultHandler: TypeHandler = {
  name: "result",
  test: (value) => value instanceof AsyncResult,
  encode: (result: AsyncResult<unknown>): ResultArgument => {
    const { taskIds, whole, obstacle } = result.asArgument();
    if (obstacle !== undefined) throw new Refusal(obstacle);
    return { indices: taskIds.map(meetResult), whole };
  },
  // Engines put it together.
  decode: () => undefined,
};
