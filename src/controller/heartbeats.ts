/** Notices peers that say nothing any more, though their connections stand: their process is stopped, or their host gone. */

import type { HeartbeatPolicy } from "../protocol/policies.ts";

export class Heartbeats {
  readonly #policy: HeartbeatPolicy;
  readonly #lost: (uuid: string, silence: number) => void;
  readonly #heard = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #looked = 0;

  /** `lost` hears of each peer that has been silent for too long, in milliseconds. */
  constructor(policy: HeartbeatPolicy, lost: (uuid: string, silence: number) => void) {
    this.#policy = policy;
    this.#lost = lost;
  }

  /** The peer is there. */
  heard(uuid: string): void {
    this.#heard.set(uuid, performance.now());
    if (this.#timer !== undefined) return;
    this.#looked = performance.now();
    this.#timer = setInterval(() => this.#look(), this.#policy.period).unref();
  }

  /** Nothing is expected of the peer any more. */
  forget(uuid: string): void {
    this.#heard.delete(uuid);
    if (this.#heard.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const now = performance.now();
    // Whoever was stopped himself knows nothing of others: they get their full time again.
    const slept = now - this.#looked > 2 * this.#policy.period;
    this.#looked = now;
    for (const [uuid, time] of this.#heard) {
      if (slept) this.#heard.set(uuid, now);
      else if (now - time > this.#policy.timeout) this.#lost(uuid, now - time);
    }
  }
}
