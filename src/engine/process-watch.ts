/** Notices processes that were stopped, as by SIGSTOP: their state in /proc says so, and nothing else does. */

import { readFileSync } from "node:fs";

export interface WatchListener {
  /** The process was stopped, or goes on. */
  changed(name: string, stopped: boolean): void;
  /** It has been stopped for too long. */
  expired(name: string): void;
}

/** At most so many milliseconds pass between two looks. */
const LOOK_MS = 250;

export class ProcessWatch {
  readonly #limit: number;
  readonly #listener: WatchListener;
  readonly #pids = new Map<string, number>();
  /** Since when processes are stopped. */
  readonly #stopped = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;

  /** `limit`: how long a process may be stopped, in milliseconds. */
  constructor(period: number, limit: number, listener: WatchListener) {
    this.#limit = limit;
    this.#listener = listener;
    this.#timer = setInterval(() => this.#look(), Math.min(period, LOOK_MS));
  }

  add(name: string, pid: number): void {
    this.#pids.set(name, pid);
  }

  remove(name: string): void {
    this.#pids.delete(name);
    this.#stopped.delete(name);
  }

  end(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = performance.now();
    for (const [name, pid] of this.#pids) {
      const since = this.#stopped.get(name);
      if (!isStopped(pid)) {
        if (this.#stopped.delete(name)) this.#listener.changed(name, false);
      } else if (since === undefined) {
        this.#stopped.set(name, now);
        this.#listener.changed(name, true);
      } else if (now - since >= this.#limit) {
        this.#listener.expired(name);
      }
    }
  }
}

/** Also for a process that a debugger holds. Never where there is no /proc. */
function isStopped(pid: number): boolean {
  try {
    const state = readFileSync(`/proc/${pid}/stat`, "latin1")
      .replace(/^.*\) /s, "")
      .charAt(0);
    return state === "T" || state === "t";
  } catch {
    return false;
  }
}
