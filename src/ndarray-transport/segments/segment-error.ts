/** Why shared memory could not be used this time. The caller takes another way; users see it only where none is left. */

/**
 * - `unavailable`: this process has no shared memory (no koffi, or not Linux)
 * - `noMemory`: the system refused memory, a file descriptor or a mapping
 * - `unreachable`: the owner is gone, or is another user, or lives in another pid namespace or on another host
 * - `stale`: what is there now is not what the descriptor meant
 */
export type SegmentErrorReason = "unavailable" | "noMemory" | "unreachable" | "stale";

export class SegmentError extends Error {
  readonly reason: SegmentErrorReason;

  constructor(reason: SegmentErrorReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "SegmentError";
    this.reason = reason;
  }
}
