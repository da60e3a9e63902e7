/** Baselines of plain JavaScript in one thread, no library: the big map, and what copying arrays takes. */

import { answerOrders, type Operation, timed } from "../lib/answering.ts";
import { forgetData, ramp, sumOfWave, verifyRamp, verifySum, wave, waveSum } from "../lib/data.ts";

let target = new Float64Array(0);

const mapResident: Operation = async ({ length = 0 }) => {
  const array = wave(length);
  let sum = 0;
  const seconds = await timed(() => {
    sum = sumOfWave(array);
  });
  verifySum(sum, waveSum(length));
  return seconds;
};

/** Copies as often as the question counts the bytes, into memory that was used before. */
function copies(times: number): Operation {
  return async ({ bytes = 0, mark = 0 }) => {
    const array = ramp(bytes, mark);
    if (target.length !== array.length) target = new Float64Array(array.length).fill(1);
    const seconds = await timed(() => {
      for (let i = 0; i < times; i++) target.set(array);
    });
    verifyRamp(target, array.length, mark);
    return seconds;
  };
}

const release: Operation = async () => {
  forgetData();
  target = new Float64Array(0);
  return 0;
};

const start: Operation = async () => 0;
const operations = {
  start,
  mapResident,
  echo: copies(2),
  push: copies(2),
  scatter: copies(1),
  gather: copies(1),
  sendDirect: copies(1),
  release,
};
await answerOrders({ node: process.version }, operations, async () => undefined);
