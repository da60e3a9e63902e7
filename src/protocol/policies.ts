/** Policies of a cluster, as they are given when it is started and cross the wire. Times are milliseconds. */

/** Whether engines that end unasked are replaced. */
export interface RestartPolicy {
  /** So many times for a set of engines … */
  readonly times: number;
  /** … in so long a time; then the set is given up. */
  readonly within: number;
  /** Pause before an engine is replaced; doubled with each one within the time. Default: 0. */
  readonly delay?: number | undefined;
}

/** How soon it is noticed that processes and hosts do not go on. */
export interface HeartbeatPolicy {
  /** How often agents look after their engines and tell the controller that they are there. */
  readonly period: number;
  /** After so long without a word from its agent a host counts as lost. */
  readonly timeout: number;
  /** An engine whose process was stopped (as by SIGSTOP) for so long is killed. */
  readonly stopped: number;
}

/** Where the controller keeps what it knows of tasks. */
export interface DatabaseOptions {
  /** `sqlite` if there is a `file`, else `memory`, unless given. */
  readonly type?: "memory" | "sqlite" | undefined;
  /** The file of a SQLite database; unless given it lies beside the connection file, and is removed when the cluster ends. */
  readonly file?: string | undefined;
  /** Finished tasks that are remembered; the oldest go first. In memory 4,096, in SQLite 1,000,000 unless given. */
  readonly records?: number | undefined;
  /**
   * Bytes of results and output that are kept. In memory 64 MiB, with `buffers` 1 GiB and those of arguments, too; in
   * SQLite 16 GiB unless given.
   */
  readonly bytes?: number | undefined;
  /**
   * Whether arrays of 64 KiB and more are kept, of arguments and of results. Then tasks can be run again with them, and
   * results are there when engines and clients are gone. Unless given they stay with their owners.
   */
  readonly buffers?: boolean | undefined;
}

/** What becomes of a cluster whose controller dies. */
export interface ControllerRestart extends RestartPolicy {
  /** How long engines and clients wait for it, in milliseconds. */
  readonly patience: number;
}

/** How long they wait unless told otherwise, in milliseconds. */
export const DEFAULT_PATIENCE = 10_000;

export const DEFAULT_HEARTBEAT: HeartbeatPolicy = { period: 1_000, timeout: 10_000, stopped: 5_000 };
export const DEFAULT_RESTART: RestartPolicy = { times: 5, within: 60_000 };
