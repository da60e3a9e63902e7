/**
 * Asked: how fast is an array divided over two engines, and how fast do the parts come back as one array? Three times:
 * an ordinary array through shared memory that was used before (warm), through memory that is new (first use, every page
 * of it touched for the first time), and an array that lies in shared memory from the start.
 * Expected: warm 10 times ipyparallel and half of mpi4py, which copies between buffers that exist, at the speed of memcpy;
 * at first use 3 times ipyparallel; in shared memory as long at every size, ahead of mpi4py, since nothing is copied.
 * Gathering copies nothing in any of them: parts are mapped.
 * Seen: nearly idle, 64 and 512 MB. Warm, scatter 11.1 and 15.2 times ipyparallel (9.2 and 16.2 in a run before the parts were
 * copied ahead), 1.1 and 1.6 times mpi4py; gather 24 and 124 times ipyparallel, 2.6 and 8.5 times mpi4py. At first use scatter
 * 3.4 and 4.2 times ipyparallel. In shared memory 2 to 24 times mpi4py, 4 to 15 ms at either size.
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
