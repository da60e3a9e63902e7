/**
 * How long a task is among others of its kind: what part of those are shorter. A histogram of the logarithms of durations,
 * so that nothing is assumed of how they are spread, and a very long one counts no more than a long one.
 */

const BINS = 64;
/** Two bins to an octave: from 5 microseconds to six hours. */
const BIN_WIDTH = Math.LN2 / 2;
const LOWEST_LOG = Math.log(0.005);
/** A rank says something once so many are known. */
const ENOUGH = 6;
/** When so many have been counted, each counts half as much as before. */
const HALVED_AT = 1_024;

export class Ranks {
  readonly #counts = new Uint16Array(BINS);
  /** How many it goes by. */
  size = 0;

  /** @param log the logarithm of a duration in milliseconds */
  add(log: number): void {
    (this.#counts[binOf(log)] as number)++;
    if (++this.size < HALVED_AT) return;
    this.size = 0;
    for (let bin = 0; bin < BINS; bin++) {
      this.#counts[bin] = (this.#counts[bin] as number) >> 1;
      this.size += this.#counts[bin] as number;
    }
  }

  /** The part of all that are shorter, between 0 and 1; `undefined` while too few are known. */
  of(log: number): number | undefined {
    if (this.size < ENOUGH) return undefined;
    const own = binOf(log);
    let below = (this.#counts[own] as number) / 2;
    for (let bin = 0; bin < own; bin++) below += this.#counts[bin] as number;
    return (below + 0.5) / (this.size + 1);
  }
}

function binOf(log: number): number {
  return Math.max(0, Math.min(BINS - 1, Math.floor((log - LOWEST_LOG) / BIN_WIDTH)));
}
