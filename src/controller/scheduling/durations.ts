/**
 * How long tasks take, learned from those that ended: by kind of task (a label, or a function), and how much slower
 * than others an engine is. Slowness is told from logarithms, so that a few very long tasks do not pass for a slow engine.
 */

/** Kinds that are remembered; the one that was not seen for longest goes first. */
const KINDS = 1_000;
/** How much the latest task counts, at least. */
const FRESHNESS = 0.05;
/** How much of the longest duration is left after another task. */
const FORGETTING = 0.999;
/** Shorter durations are taken for this one, in milliseconds: clocks tell nothing below. */
const SHORTEST_MS = 0.005;
/** An engine's slowness counts from so many tasks on. */
const ENOUGH_TASKS = 6;
/** A difference is clear from half as much again on. */
const CLEAR_LOG = Math.log(1.5);

interface KindStatistics {
  count: number;
  /** Of one unit, in milliseconds. */
  mean: number;
  /** Of its square. */
  meanSquare: number;
  /** Of the logarithm, as if on an engine of ordinary speed. */
  meanLog: number;
  /** The longest of late. */
  longest: number;
}

/** What is known of one engine. */
export interface Speed {
  count: number;
  /** The logarithm of how many times longer it takes than others. */
  logSlowness: number;
  /** How many times longer: 1 until enough is known, and for small differences. */
  slowness: number;
}

export class Durations {
  readonly #kinds = new Map<string, KindStatistics>();
  #latestKind: string | undefined;

  /** A task of `units` items took `milliseconds` on the engine. */
  note(kind: string, units: number, milliseconds: number, speed: Speed): void {
    const duration = Math.max(milliseconds / units, SHORTEST_MS);
    const log = Math.log(duration);
    const known = this.#kinds.get(kind);
    // The latest seen is the last of the map.
    if (kind !== this.#latestKind) this.#kinds.delete(kind);
    if (known === undefined) {
      this.#kinds.set(kind, {
        count: 1,
        mean: duration,
        meanSquare: duration * duration,
        meanLog: log,
        longest: duration,
      });
      this.#latestKind = kind;
      if (this.#kinds.size > KINDS) this.#kinds.delete(this.#kinds.keys().next().value as string);
      return;
    }
    if (kind !== this.#latestKind) this.#kinds.set(kind, known);
    this.#latestKind = kind;
    noteSpeed(speed, log - known.meanLog);
    const part = Math.max(FRESHNESS, 1 / ++known.count);
    const ordinary = duration / slownessOf(speed);
    known.mean += part * (ordinary - known.mean);
    known.meanSquare += part * (ordinary * ordinary - known.meanSquare);
    known.longest = Math.max(ordinary, known.longest * FORGETTING);
    known.meanLog += part * (Math.log(ordinary) - known.meanLog);
  }

  /** Milliseconds that a task of that kind takes on an engine of ordinary speed; `undefined` when that is not known. */
  estimate(kind: string, units: number): number | undefined {
    const mean = this.#kinds.get(kind)?.mean;
    return mean === undefined ? undefined : mean * units;
  }

  /** What a long one takes: the mean and two standard deviations more, or the longest of late. */
  pessimistic(kind: string, units: number): number | undefined {
    const known = this.#kinds.get(kind);
    if (known === undefined) return undefined;
    const spread = Math.sqrt(Math.max(0, known.meanSquare - known.mean * known.mean));
    return units * Math.max(known.mean + 2 * spread, known.longest);
  }
}

function noteSpeed(speed: Speed, logRatio: number): void {
  const part = Math.max(FRESHNESS, 1 / ++speed.count);
  speed.logSlowness += part * (logRatio - speed.logSlowness);
  if (speed.count < ENOUGH_TASKS) return;
  const isClear = Math.abs(speed.logSlowness) > CLEAR_LOG;
  speed.slowness = isClear ? Math.exp(speed.logSlowness) : 1;
}

/** How many times longer than others the engine takes. */
export function slownessOf({ slowness }: Speed): number {
  return slowness;
}
