/** A task record as it is stored: in parts, so that nobody reads large ones who does not need them. */

import { Packr } from "msgpackr";
import type { StoredRequest, TaskRecord } from "../task-record.ts";

/** The parts, each a column; `record` is always read. */
export type Part = "record" | "output" | "shown" | "result" | "request";

/** What is written of one task. */
export interface Change {
  readonly id: string;
  readonly isNew: boolean;
  readonly columns: Readonly<Record<string, string | number | Uint8Array>>;
  /** The task ended since the last change. */
  readonly ends: boolean;
  /** By how many bytes the results and output that are kept have grown. */
  readonly growth: number;
}

/** Parts by name, packed. */
export type StoredRow = Partial<Record<Part, Uint8Array>>;

const packr = new Packr({ useRecords: false, moreTypes: false, int64AsType: "number" });

export function pack(value: unknown): Uint8Array {
  return new Uint8Array(packr.pack(value));
}

/** Buffers in it are views of `bytes`. */
export function unpack<T>(bytes: Uint8Array): T {
  return packr.unpack(bytes) as T;
}

/** The parts that a query, or a chosen key, reads. */
export function partsFor(keys: Iterable<string>): Part[] {
  const parts = new Set<Part>();
  for (const key of keys) {
    if (key === "stdout" || key === "stderr") parts.add("output");
    else if (key === "outputs" || key === "data") parts.add("shown");
    else if (key === "result" || key === "executeResult" || key === "resultBuffers") parts.add("result");
    else if (key === "buffers") parts.add("request");
  }
  return [...parts];
}

export function packPart(part: Part, record: TaskRecord, request: StoredRequest | undefined): Uint8Array {
  const { stdout, stderr, published, displayed, buffers, outcome, argumentBuffers: _, ...rest } = record;
  switch (part) {
    case "record":
      return pack({ ...rest, outcome: outcome && { ...outcome, payload: undefined } });
    case "output":
      return pack([stdout, stderr]);
    case "shown":
      return pack([published, displayed]);
    case "result":
      return pack([outcome?.payload, buffers]);
    case "request":
      return pack(request);
  }
}

/** Parts that are not there are empty. */
export function recordOf({ record, output, shown, result, request }: StoredRow): TaskRecord {
  const [stdout, stderr] = output ? unpack<[string, string]>(output) : ["", ""];
  const [published, displayed] = shown ? unpack<[TaskRecord["published"], TaskRecord["displayed"]]>(shown) : [];
  const [payload, buffers = []] = result ? unpack<[Uint8Array | undefined, Uint8Array[]]>(result) : [];
  const base = unpack<TaskRecord>(record as Uint8Array);
  const outcome = base.outcome && { ...base.outcome, payload };
  const argumentBuffers = request && unpack<StoredRequest | undefined>(request)?.buffers;
  return { ...base, outcome, stdout, stderr, published, displayed, buffers, argumentBuffers };
}
