/**
 * How long tasks take, learned from those that ended: by kind of task (a label, or a function), and how much slower
 * than others an engine is. How much, logarithms tell; that it is so, the ranks of its tasks among all of their kind must
 * make sure, so that an engine to which a few very long tasks happened to come does not pass for a slow one.
 */

import { Ranks } from "./ranks.ts";

/** Kinds that are remembered; the one that was not seen for longest goes first. */
const KINDS = 1_000;
/** How much the latest task counts, at least. */
const FRESHNESS = 0.05;
/** How much of the longest duration is left after another task. */
const FORGETTING = 0.999;
/** Tasks that take less are taken for as long as this, in milliseconds: clocks tell nothing below. */
const SHORTEST_MS = 0.005;
/** How far from the middle the mean rank of an engine's tasks must be, in standard deviations of such a mean by chance. */
const SURE = 3.3;
/** The variance of one rank: any is as likely as any other. */
const RANK_VARIANCE = 1 / 12;
/** A difference is clear from half as much again on. */
const CLEAR_LOG = Math.log(1.5);

interface KindStatistics {
  count: number;
  /** Of one unit, in milliseconds. */
  mean: number;
  /** Of its square. */
  meanSquare: number;
  /** Of the logarithm, as it was: what is believed of an engine must not confirm itself. */
  meanLog: number;
  /** The longest of late. */
  longest: number;
  /** Likewise. */
  readonly ranks: Ranks;
}

/** What is known of one engine. */
export interface Speed {
  count: number;
  /** The mean rank of its tasks: a half if it is like the others. */
  rank: number;
  /** The logarithm of how many times longer it takes than others. */
  logSlowness: number;
  /** How many times longer: 1 until that is sure, and for small differences. */
  slowness: number;
}

export class Durations {
  readonly #kinds = new Map<string, KindStatistics>();
  #latestKind: string | undefined;

  /** A task of `units` items took `milliseconds` on the engine. */
  note(kind: string, units: number, milliseconds: number, speed: Speed): void {
    const duration = Math.max(milliseconds, SHORTEST_MS) / units;
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
        ranks: new Ranks(),
      });
      this.#latestKind = kind;
      if (this.#kinds.size > KINDS) this.#kinds.delete(this.#kinds.keys().next().value as string);
      return;
    }
    if (kind !== this.#latestKind) this.#kinds.set(kind, known);
    this.#latestKind = kind;
    noteSpeed(speed, log, known);
    const part = Math.max(FRESHNESS, 1 / ++known.count);
    const ordinary = duration / slownessOf(speed);
    known.mean += part * (ordinary - known.mean);
    known.meanSquare += part * (ordinary * ordinary - known.meanSquare);
    known.longest = Math.max(ordinary, known.longest * FORGETTING);
    known.meanLog += part * (log - known.meanLog);
    known.ranks.add(log);
  }

  /** Milliseconds that a task of that kind takes on an engine of ordinary speed; `undefined` when that is not known. */
  estimate(kind: string, units: number): number | undefined {
    const mean = this.#kinds.get(kind)?.mean;
    return mean === undefined ? undefined : Math.max(mean * units, SHORTEST_MS);
  }

  /** What a long one takes: the mean and two standard deviations more, or the longest of late. */
  pessimistic(kind: string, units: number): number | undefined {
    const known = this.#kinds.get(kind);
    if (known === undefined) return undefined;
    const spread = Math.sqrt(Math.max(0, known.meanSquare - known.mean * known.mean));
    return units * Math.max(known.mean + 2 * spread, known.longest);
  }
}

function noteSpeed(speed: Speed, log: number, { ranks, meanLog }: KindStatistics): void {
  const rank = ranks.of(log);
  if (rank === undefined) return;
  const part = Math.max(FRESHNESS, 1 / ++speed.count);
  speed.logSlowness += part * (log - meanLog - speed.logSlowness);
  speed.rank += part * (rank - speed.rank);
  // The test of Mann and Whitney: chance is in the engine's tasks, and in those that they are compared with.
  const byChance = Math.sqrt(RANK_VARIANCE * (part + 1 / ranks.size));
  const isClear = Math.abs(speed.logSlowness) > CLEAR_LOG && Math.abs(speed.rank - 0.5) > SURE * byChance;
  speed.slowness = isClear ? Math.exp(speed.logSlowness) : 1;
}

/** How many times longer than others the engine takes. */
export function slownessOf({ slowness }: Speed): number {
  return slowness;
}
