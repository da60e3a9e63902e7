/** A baseline: the loop of a question in two worker threads, each over an array of its own, no library. */

import { Worker } from "node:worker_threads";
import { answerOrders, type Operation, timed } from "../lib/answering.ts";
import { rampSum, sumOf, verifySum } from "../lib/data.ts";

const THREADS = 2;

/** Makes its part of 0, 1, 2, … when it is told which, and adds it up when it is asked. */
const code = `
const { parentPort } = require("node:worker_threads");
const sumOf = ${sumOf};
let part = new Float64Array(0);
parentPort.on("message", ({ first, length }) => {
  if (first === undefined) return parentPort.postMessage(sumOf(part));
  part = new Float64Array(length);
  for (let i = 0; i < length; i++) part[i] = first + i;
  parentPort.postMessage(0);
});`;

const workers = Array.from({ length: THREADS }, () => new Worker(code, { eval: true }));
let made = 0;

function ask(question: (index: number) => object): Promise<number[]> {
  const answers = workers.map((worker, index) => {
    const answer = new Promise<number>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
    worker.postMessage(question(index));
    return answer;
  });
  return Promise.all(answers);
}

const sumResident: Operation = async ({ bytes = 0 }) => {
  const length = bytes / 8 / THREADS;
  if (made !== length) await ask((index) => ({ first: index * length, length }));
  made = length;
  let sums: number[] = [];
  const seconds = await timed(async () => {
    sums = await ask(() => ({}));
  });
  verifySum(
    sums.reduce((total, sum) => total + sum, 0),
    rampSum(bytes / 8),
  );
  return seconds;
};

const release: Operation = async () => {
  await ask(() => ({ first: 0, length: 0 }));
  made = 0;
  return 0;
};

const start: Operation = async () => 0;
await answerOrders({ node: process.version }, { start, sumResident, release }, async () => {
  await Promise.all(workers.map((worker) => worker.terminate()));
});
