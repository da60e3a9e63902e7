/**
 * Asked: how fast is an array divided over two engines, and how fast do the parts come back as one array? Three times:
 * an ordinary array through shared memory that was used before (warm), through memory that is new (first use, every page
 * of it touched for the first time), and an array that lies in shared memory from the start.
 * Expected: warm 10 times ipyparallel and half of mpi4py, which copies between buffers that exist, at the speed of memcpy;
 * at first use 3 times ipyparallel; in shared memory as long at every size, ahead of mpi4py, since nothing is copied.
 * Gathering copies nothing in any of them: parts are mapped.
 * Seen: nearly idle, 64 and 512 MB. Warm, scatter 8.9 and 7.5 times ipyparallel, 0.80 and 0.68 times mpi4py; gather 28 and
 * 114 times ipyparallel, 2.4 and 9.3 times mpi4py. At first use scatter 3.9 and 4.4 times ipyparallel. In shared memory 2 to
 * 11 times mpi4py, 6 to 13 ms at either size. Scatter misses the 10 times: benchmarks/README.md says why.
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
