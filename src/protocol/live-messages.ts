/** What running tasks tell: what they write, publish and show; and what the hub tells of tasks that are asked for. */

import type { Operation } from "./calls.ts";
import type { CarriesBuffers } from "./data-messages.ts";

/** What was noted of a task whose result a client asks for, before the rest of it. */
export interface Noted {
  readonly type: "noted";
  readonly taskId: string;
  readonly operation: Operation;
  readonly submitted: number;
  /** When its result came to the controller, if it has. */
  readonly received?: number | undefined;
  /** Negative as long as the task has no engine. */
  readonly engineId: number;
  readonly label?: string | undefined;
  readonly after?: readonly string[] | undefined;
  readonly follow?: readonly string[] | undefined;
}

/** What a task wrote to a stream since the last such message. */
export interface Output {
  readonly type: "output";
  readonly taskId: string;
  readonly stream: "stdout" | "stderr";
  readonly text: string;
  readonly engineId?: number | undefined;
  /** How much of the stream came before, in characters; told where messages may be sent again. */
  readonly at?: number | undefined;
  /** It may have come before. */
  readonly again?: boolean | undefined;
}

/** Data that a running task published. */
export interface Published extends CarriesBuffers {
  readonly type: "published";
  readonly taskId: string;
  readonly payload: Uint8Array;
}

/** Something that a running task showed: `{ data, metadata }`, the data by media type. */
export interface Displayed extends CarriesBuffers {
  readonly type: "displayed";
  readonly taskId: string;
  readonly payload: Uint8Array;
  /** How many came before; told where messages may be sent again. */
  readonly at?: number | undefined;
  /** It may have come before. */
  readonly again?: boolean | undefined;
}
