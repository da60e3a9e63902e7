/** When the memory of what was sent may be written again. */

/** Whether, and when, the memory of a tracked call's arrays had left. */
export interface SendTracker {
  readonly done: boolean;
  readonly promise: Promise<void>;
}

/** For what nobody tracks. */
export const SENT: SendTracker = { done: true, promise: Promise.resolve() };

export interface CountingTracker extends SendTracker {
  readonly onSent: () => void;
  /** Nobody reads the memory any more, whether it was sent or not. */
  readonly finish: () => void;
}

/** Done when `count` sends are, or when the tasks have ended. */
export function trackSends(count: number): CountingTracker {
  let left = count;
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  const finish = (): void => {
    left = 0;
    resolve();
  };
  return {
    get done() {
      return left <= 0;
    },
    promise,
    onSent: () => {
      if (--left === 0) finish();
    },
    finish,
  };
}
