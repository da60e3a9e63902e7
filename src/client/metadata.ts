/** What is known of one task: who ran it, when, and what it printed. */

import type { DeviceInfo } from "../protocol/devices.ts";

/** What a task showed with `display`: one value in several forms, by media type. */
export interface DisplayedOutput {
  readonly data: Readonly<Record<string, unknown>>;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** The record of one task. Times are set as they become known. */
export interface Metadata {
  readonly msgId: string;
  /** When the client sent it. */
  submitted: Date | undefined;
  /** When the engine began and ended. */
  started: Date | undefined;
  completed: Date | undefined;
  /** When the client had the result. */
  received: Date | undefined;
  /** `undefined` as long as a load-balanced task has none. */
  engineId: number | undefined;
  engineUuid: string | undefined;
  /** The device of the engine that ran it; absent if that engine was given none. */
  device?: DeviceInfo | undefined;
  status: "ok" | "error" | "aborted" | undefined;
  error: Error | undefined;
  /** The value of the last expression of executed code. */
  executeResult: unknown;
  stdout: string;
  stderr: string;
  /** What it showed with `display`, in order. */
  outputs: DisplayedOutput[];
  /** The data that the task published last. */
  data: unknown;
  after: readonly string[] | undefined;
  follow: readonly string[] | undefined;
  label: string | undefined;
}

export function newMetadata(msgId: string, engineId: number, label: string | undefined): Metadata {
  return {
    msgId,
    submitted: undefined,
    started: undefined,
    completed: undefined,
    received: undefined,
    engineId: engineId < 0 ? undefined : engineId,
    engineUuid: undefined,
    status: undefined,
    error: undefined,
    executeResult: undefined,
    stdout: "",
    stderr: "",
    outputs: [],
    data: undefined,
    after: undefined,
    follow: undefined,
    label,
  };
}
