/** When the memory of what was sent may be written again. */

/** Whether, and when, the memory of a tracked call's arrays had left. */
export interface SendTracker {
  readonly done: boolean;
  readonly promise: Promise<void>;
}

/** For what nobody tracks. */
export const SENT: SendTracker = { done: true, promise: Promise.resolve() };

export interface CountingTracker extends SendTracker {
  /** One of the things that are waited for has happened. */
  readonly onSent: () => void;
  /** So many things are to be waited for. */
  expect(count: number): void;
  /** Nobody reads the memory any more, whether it was sent or not. */
  readonly finish: () => void;
}

/** Done when as much has been sent, or let go by its receivers, as is expected, or when the tasks have ended. */
export function trackSends(): CountingTracker {
  let left = Number.POSITIVE_INFINITY;
  let happened = 0;
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  const check = (): void => {
    if (happened >= left) resolve();
  };
  return {
    get done() {
      return happened >= left;
    },
    promise,
    onSent: () => {
      happened++;
      check();
    },
    expect: (count) => {
      left = count;
      check();
    },
    finish: () => {
      left = 0;
      check();
    },
  };
}
