/**
 * Asked: a plain loop adds up 256 MB of float64 that lie on two engines. How much longer does it take than the same loop
 * over arrays of their own in two worker threads?
 * Expected: within 15 % of it: mapped memory is read as fast as any other, and a call costs less than a millisecond.
 * Seen: nearly idle, 38.8 ms (quartiles 33.2 and 40.6) against 35.6 (34.8 and 36.1): 9 % more.
 */

import { MEBIBYTE, milliseconds, type Question } from "../lib/question.ts";

export const residentSum: Question = {
  name: "resident-sum",
  title: "Resident sum: a loop over a scattered array, where it lies",
  cases: (quick) => {
    const size = quick ? 16 : 256;
    return [
      {
        label: `${size} MB float64 on two engines`,
        operation: "sumResident",
        parameters: { bytes: size * MEBIBYTE },
        unit: milliseconds,
        repetitions: quick ? 3 : 15,
      },
    ];
  },
};
