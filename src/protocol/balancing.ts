/** What a client asks of the scheduler with a load-balanced task, without logic. Times are milliseconds. */

/** Tasks that must have ended: all of them or one, well (`success`), badly (`failure`), or either. */
export interface DependencyRequest {
  readonly taskIds: readonly string[];
  readonly all: boolean;
  readonly success: boolean;
  readonly failure: boolean;
}

/** How often a task is run again, and where. */
export interface RetryRequest {
  /** After engines that died while they ran it. */
  readonly death: number;
  /** After errors that it threw. */
  readonly error: number;
  /** Before the first repetition; doubled for each further one. */
  readonly backoff: number;
  /** `prefer`: on an engine that has not failed it, while there is one; `other`: on no other than such; `same`. */
  readonly place: "prefer" | "other" | "same";
}

export interface BalancedRequest {
  /** Tasks of one kind are expected to take equally long for each unit. */
  readonly kind: string;
  /** How many items the task goes through. */
  readonly units: number;
  /** Higher first. */
  readonly priority?: number | undefined;
  readonly targets?: readonly number[] | undefined;
  /** What the task needs of an engine while it runs, e.g. `{ gpu: 0.5 }`. */
  readonly resources?: Readonly<Record<string, number>> | undefined;
  readonly after?: DependencyRequest | undefined;
  readonly follow?: DependencyRequest | undefined;
  /** Tasks whose results are among the arguments: they must succeed first, and their engines are preferred. */
  readonly inputs?: readonly string[] | undefined;
  /** Engines that keep values which are among the arguments: they are preferred. */
  readonly near?: readonly number[] | undefined;
  /** How long the task may wait for its start. */
  readonly timeout?: number | undefined;
  readonly retries?: RetryRequest | undefined;
  /** A task of an engine submitted it, and may be waiting for it. Set by the controller. */
  readonly nested?: boolean | undefined;
}

export const DEFAULT_RETRIES: RetryRequest = { death: 3, error: 0, backoff: 10, place: "prefer" };
