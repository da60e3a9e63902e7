/**
 * Asked: how fast is an array divided over two engines, and how fast do the parts come back as one array? Three times:
 * an ordinary array through shared memory that was used before (warm), through memory that is new (first use, every page
 * of it touched for the first time), and an array that lies in shared memory from the start.
 * Expected: warm 10 times ipyparallel and half of mpi4py, which copies between buffers that exist, at the speed of memcpy;
 * at first use 3 times ipyparallel; in shared memory as long at every size, ahead of mpi4py, since nothing is copied.
 * Gathering copies nothing in any of them: parts are mapped.
 * Seen: on a busy machine only (load 12, so that every wake-up of a process waits for a core; memcpy itself went at 2.4
 * GB/s), 64 MB, in parts of memcpy: scatter 0.32 warm, 0.39 at first use, 2.6 in shared memory; gather 1.3, 0.82 and 0.81;
 * mpi4py 1.25 and 0.5. 2.2 and 1.8 times as fast as mpi4py with arrays in shared memory.
 */

import { type Case, gigabytesPerSecond, MEBIBYTE, type Question } from "../lib/question.ts";

/** What is added to the name of the operation that ndparallel is asked to do. */
const kinds = { warm: "", "at first use": "First", "allocated in shared memory": "Shared" };

export const scatterGather: Question = {
  name: "scatter-gather",
  title: "Scatter and gather over two engines",
  cases: (quick) =>
    (quick ? [16] : [64, 512]).flatMap((size) =>
      Object.entries(kinds).flatMap(([kind, suffix]) =>
        ["scatter", "gather"].map(
          (operation): Case => ({
            label: `${operation} ${size} MB float64, ${kind}`,
            operation,
            ours: operation + suffix,
            parameters: { bytes: size * MEBIBYTE },
            unit: gigabytesPerSecond(size * MEBIBYTE),
            repetitions: quick ? 2 : 7,
          }),
        ),
      ),
    ),
};
