/** How often the engines of a set may still be replaced. */

import type { RestartPolicy } from "../protocol/policies.ts";

const LONGEST_DELAY_MS = 30_000;

export class Restarts {
  readonly #policy: RestartPolicy;
  /** When engines were replaced, as far as it still counts. */
  #times: number[] = [];

  constructor(policy: RestartPolicy) {
    this.#policy = policy;
  }

  /** How long to wait before another engine is started; `undefined` when there were too many. */
  next(now: number): number | undefined {
    const { times, within, delay = 0 } = this.#policy;
    this.#times = this.#times.filter((time) => now - time < within);
    if (this.#times.length >= times) return undefined;
    const pause = Math.min(LONGEST_DELAY_MS, delay * 2 ** this.#times.length);
    this.#times.push(now);
    return pause;
  }

  /** Why the set is given up, after an engine ended for this reason. */
  describe(reason: string): string {
    const { times, within } = this.#policy;
    const often = times === 1 ? "once" : `${times} times`;
    return `its engines were restarted ${often} within ${within} ms and ended again, which is as often as the restart policy allows; the last one: ${reason}`;
  }
}
