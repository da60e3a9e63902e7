/**
 * What happens to tasks, on channels of `node:diagnostics_channel`; free when nobody listens.
 *
 * `ndparallel:task:submit` and `ndparallel:task:settle` have the metadata of the task, as they are then.
 */

import { channel } from "node:diagnostics_channel";
import type { Metadata } from "./metadata.ts";

type Described = { readonly metadata: Metadata };

const submitChannel = channel("ndparallel:task:submit");
const settleChannel = channel("ndparallel:task:settle");

export function publishSubmit(task: Described): void {
  if (submitChannel.hasSubscribers) submitChannel.publish(task.metadata);
}

export function publishSettle(task: Described): void {
  if (settleChannel.hasSubscribers) settleChannel.publish(task.metadata);
}
