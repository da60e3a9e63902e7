/** The least time in which tasks can be done on engines of different speeds: bounds from below, and plans that reach them. */

/** No plan is faster: the work over the speed of all engines, or the longest task on the fastest engine. */
export function lowerBound(durations: readonly number[], slowness: readonly number[]): number {
  const speed = slowness.reduce((sum, each) => sum + 1 / each, 0);
  const longest = durations.reduce((most, duration) => Math.max(most, duration), 0);
  return Math.max(total(durations) / speed, longest * Math.min(...slowness));
}

/**
 * The makespan of a plan by somebody who knows all lengths: the longest first, each where it ends first (Graham 1969; for
 * engines of different speeds Gonzalez, Ibarra, Sahni 1977). The optimum lies between {@link lowerBound} and this.
 */
export function longestFirst(durations: readonly number[], slowness: readonly number[]): number {
  const ends = slowness.map(() => 0);
  for (const duration of durations.toSorted((a, b) => b - a)) {
    const after = ends.map((end, engine) => end + duration * (slowness[engine] as number));
    const engine = after.indexOf(Math.min(...after));
    ends[engine] = after[engine] as number;
  }
  return Math.max(...ends);
}

/**
 * What somebody reaches who knows all lengths and yet must begin the tasks in the order given, as whoever does not know
 * them must begin them in some order: the best of many plans in which the slowest engine takes a task only if it will be
 * done with it by a certain time, or leaves it by chance.
 */
export function inOrder(durations: readonly number[], slowness: readonly number[], random: () => number): number {
  const bound = lowerBound(durations, slowness);
  let best = Number.POSITIVE_INFINITY;
  for (let step = 0; step <= 60; step++) {
    for (const leaves of [0, 0, 0.2, 0.4, 0.6, 0.8, 1]) {
      best = Math.min(
        best,
        planInOrder(durations, slowness, bound * (1 + step / 100), () => random() < leaves),
      );
    }
  }
  return best;
}

function planInOrder(
  durations: readonly number[],
  slowness: readonly number[],
  until: number,
  leaves: () => boolean,
): number {
  const ends = slowness.map(() => 0);
  const slowest = slowness.indexOf(Math.max(...slowness));
  const others = [...slowness.keys()].filter((engine) => engine !== slowest);
  const endOf = (engine: number): number => ends[engine] as number;
  let now = 0;
  for (const duration of durations) {
    const next = others.reduce((best, engine) => (endOf(engine) < endOf(best) ? engine : best));
    const begun = Math.max(endOf(slowest), now);
    const slowEnd = begun + duration * (slowness[slowest] as number);
    const engine = endOf(slowest) <= endOf(next) && slowEnd <= until && !leaves() ? slowest : next;
    now = Math.max(now, endOf(engine));
    ends[engine] = now + duration * (slowness[engine] as number);
  }
  return Math.max(...ends);
}

function total(durations: readonly number[]): number {
  return durations.reduce((sum, duration) => sum + duration, 0);
}
