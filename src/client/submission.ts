/** What a view hands to the session: a call, and where it is to run. */

import type { Packer } from "../channel/data/packing.ts";
import type { Operation } from "../protocol/calls.ts";
import type { EncodedCall } from "./encode-call.ts";
import type { TaskHistory } from "./task-history.ts";

export interface Submission {
  /** A promise where a tensor's elements are still on their way from a device. */
  readonly call: EncodedCall | Promise<EncodedCall>;
  readonly operation: Operation;
  /** What packs the calls that are sent together; one for this call alone unless given. */
  readonly packer?: Packer | undefined;
  readonly engineIds: readonly number[];
  readonly label?: string | undefined;
  readonly onSent?: (() => void) | undefined;
  /** Where the tasks are noted, besides the client's own history. */
  readonly sent?: TaskHistory | undefined;
}
