/** Waiting for something with a limit of time and a signal that ends the wait. */

import { TimeoutError } from "../errors.ts";

/** The options that every wait takes. */
export interface Wait {
  /** Milliseconds; without it, or when negative, the wait has no limit. */
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** @throws TypeError when `wait` is not what {@link Wait} says. */
export function checkWait(wait: Wait): void {
  if (typeof wait !== "object" || wait === null) throw new TypeError("wait must be an object { timeout?, signal? }");
  const { timeout, signal } = wait;
  if (timeout !== undefined && (typeof timeout !== "number" || Number.isNaN(timeout))) {
    throw new TypeError(`timeout must be a number of milliseconds; given: ${String(timeout)}`);
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw new TypeError("signal must be an AbortSignal");
}

/**
 * Resolves as `promise` does, unless time or signal come first; the work that is waited for is not touched.
 * @throws TimeoutError, or the reason of the signal.
 */
export function within<T>(promise: Promise<T>, wait: Wait, what: string): Promise<T> {
  checkWait(wait);
  const { timeout, signal } = wait;
  const limited = timeout !== undefined && timeout >= 0 && timeout !== Number.POSITIVE_INFINITY;
  if (!limited && signal === undefined) return promise;
  return new Promise<T>((resolve, reject) => {
    const timer = limited ? setTimeout(expire, Math.min(timeout, 0x7fff_ffff)) : undefined;
    const stop = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    };
    function expire(): void {
      stop();
      reject(new TimeoutError(`${what} took longer than ${timeout} ms`, timeout));
    }
    function onAbort(): void {
      stop();
      reject(signal?.reason);
    }
    if (signal?.aborted) {
      onAbort();
      return;
    }
    signal?.addEventListener("abort", onAbort);
    promise.finally(stop).then(resolve, reject);
  });
}
