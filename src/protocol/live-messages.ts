/** What running tasks tell: what they write, publish and show. */

import type { CarriesBuffers } from "./data-messages.ts";

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
