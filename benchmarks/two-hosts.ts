/**
 * How fast do arrays go directly from host to host? `node --import tsx benchmarks/two-hosts.ts [repetitions]`, as root.
 *
 * Asked: 64 MB from a client to an engine on another host, beside the same bytes, in the same frames of 1 MiB, over one bare
 * zeromq stream and over one bare socket. The hosts are network namespaces of this machine with a cable (veth) between
 * them, and do not see each other's processes. In turns, in an order that is shuffled each time.
 * Expected: at least 80 % of the zeromq stream.
 * Seen: see README.md, "From host to host".
 */

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { makeTwoHosts } from "../test/cluster/two-hosts.ts";
import { currentLoad, describeMachine, machineFacts } from "./lib/machine.ts";
import { summarize } from "./lib/statistics.ts";
import { formatTable } from "./lib/table.ts";

const program = fileURLToPath(new URL("./two-hosts/host.ts", import.meta.url));
const repetitions = process.argv[2] ?? "15";
const BYTES = 64 * 2 ** 20;

const made = makeTwoHosts();
if (typeof made === "string") {
  console.error(`Cannot be measured here: ${made}`);
  process.exit(1);
}
const command = [process.execPath, ...process.execArgv, program];
const server = made.spawn(0, [...command, "serve", made.addresses[0]]);
try {
  console.log(describeMachine(machineFacts()));
  const places = await firstLine(server);
  const seconds = JSON.parse(await firstLine(made.spawn(1, [...command, "send", places, repetitions]))) as Record<
    string,
    number[]
  >;
  const ours = summarize(seconds["ndparallel"] as number[]).median;
  const rows = Object.entries(seconds).map(([name, values]) => {
    const { count, median, lowerQuartile, upperQuartile } = summarize(values);
    const speeds = [median, upperQuartile, lowerQuartile].map((value) => (BYTES / value / 1e9).toFixed(2));
    return [name, `${speeds[0]} GB/s`, `${speeds[1]} to ${speeds[2]}`, String(count), (median / ours).toFixed(2)];
  });
  console.log(formatTable(["64 MB to another host", "median", "quartiles", "n", "ndparallel / it"], rows));
  if (seconds["zeromq"] === undefined) console.log("zeromq is missing: npm install --prefix benchmarks/peers");
} finally {
  server.stdin?.end();
  if (server.exitCode === null) await once(server, "exit");
  made[Symbol.dispose]();
}
console.log(`load afterwards ${currentLoad().join(" ")}`);

async function firstLine(child: ChildProcess): Promise<string> {
  const lines = createInterface(child.stdout as NodeJS.ReadableStream);
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`a host ended with code ${code} before it said anything`);
  });
  ended.catch(() => undefined);
  const [text] = (await Promise.race([once(lines, "line"), ended])) as [string];
  return text;
}
