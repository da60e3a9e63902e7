/**
 * A thread that helps the main thread to copy large blocks of memory. It waits until there is something to copy, and ends
 * when there was nothing for a while.
 */

import { createRequire } from "node:module";
import { workerData } from "node:worker_threads";
import { type CopyHelperData, CopyJob, IDLE_MS } from "./copy-job.ts";
import type { Koffi } from "./page-scan.ts";

const { memory } = workerData as CopyHelperData;
const koffi = createRequire(import.meta.url)("koffi") as Koffi;
const copy = koffi.load(null).func("void *memcpy(uintptr_t target, uintptr_t source, size_t length)");

const job = new CopyJob(memory);
job.announce(true);
while (job.wait(IDLE_MS)) {
  for (let piece = job.takeAsHelper(); piece !== undefined; piece = job.takeAsHelper()) {
    copy(job.target + piece.start, job.source + piece.start, piece.end - piece.start);
    job.doneAsHelper();
  }
}
job.announce(false);
