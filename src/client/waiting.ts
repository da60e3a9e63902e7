/** Waiting for something with a limit of time and a signal that ends the wait. */

import { shown, TimeoutError } from "../errors.ts";
import { checkOptions, type OptionKinds } from "./options.ts";

/** The options that every wait takes. */
export interface Wait {
  /** Milliseconds; without it, or when negative, the wait has no limit. */
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The options of {@link Wait}, for methods that have more. */
export const WAIT_KINDS: OptionKinds<Wait> = { timeout: "any", signal: "any" };

/** @throws TypeError when the options of a wait, or of a method that has more options, are not what they should be. */
export function checkWait<O extends Wait>(wait: O, method = "a wait", kinds = WAIT_KINDS as OptionKinds<O>): void {
  checkLimits(checkOptions(method, wait, kinds));
}

/** @throws TypeError when time or signal are none. */
export function checkLimits({ timeout, signal }: Wait): void {
  if (timeout !== undefined && (typeof timeout !== "number" || Number.isNaN(timeout))) {
    throw new TypeError(`timeout must be a number of milliseconds; given: ${shown(timeout)}`);
  }
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new TypeError(`signal must be an AbortSignal; given: ${shown(signal)}`);
}

/**
 * Resolves as `promise` does, unless time or signal come first; the work that is waited for is not touched.
 * @throws TimeoutError, or the reason of the signal.
 */
export function within<T>(promise: Promise<T>, wait: Wait, what: string): Promise<T> {
  checkLimits(wait);
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
