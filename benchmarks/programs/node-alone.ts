/** A baseline: plain JavaScript in one thread, no library. It answers only the big map. */

import { answerOrders, type Operation, timed } from "../lib/answering.ts";
import { forgetData, sumOfWave, verifySum, wave, waveSum } from "../lib/data.ts";

const mapResident: Operation = async ({ length = 0 }) => {
  const array = wave(length);
  let sum = 0;
  const seconds = await timed(() => {
    sum = sumOfWave(array);
  });
  verifySum(sum, waveSum(length));
  return seconds;
};

const release: Operation = async () => {
  forgetData();
  return 0;
};

await answerOrders({ node: process.version }, { mapResident, release }, async () => undefined);
