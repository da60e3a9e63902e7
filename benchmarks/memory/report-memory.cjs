/** Loaded into every process of the measured cluster: on SIGUSR2 it writes down what the process's memory consists of. */
const { renameSync, writeFileSync } = require("node:fs");

const directory = process.env.NDPARALLEL_BENCHMARK_MEMORY;
if (directory !== undefined) {
  process.on("SIGUSR2", () => {
    const { heapUsed, heapTotal, external, arrayBuffers } = process.memoryUsage();
    const path = `${directory}/${process.pid}`;
    writeFileSync(`${path}.new`, JSON.stringify({ heapUsed, heapTotal, external, arrayBuffers }));
    renameSync(`${path}.new`, path);
  });
}
