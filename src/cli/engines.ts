/** `ndparallel engines`: shows the engines of a cluster, and starts, stops and restarts them. */

import { Cluster } from "../cluster/cluster.ts";
import { type Command, count, flag, text } from "./arguments.ts";
import { chooseCluster } from "./choose-cluster.ts";
import { ExitCode } from "./failure.ts";
import { json } from "./print.ts";
import { engineTable, look } from "./status.ts";

export const engines: Command = {
  name: "engines",
  operands: "[cluster]",
  summary: "Show the engines of a cluster; start, stop or restart some",
  options: {
    add: { type: "string", value: "number", help: "start so many more" },
    stop: { type: "string", value: "set", help: "stop a set of engines" },
    restart: { type: "string", value: "set", help: "replace a set of engines" },
  },
  run: async (options) => {
    const { file } = await chooseCluster(options);
    const add = count(options, "add", 1);
    const cluster = await Cluster.from(file);
    const stop = text(options, "stop");
    if (stop !== undefined) await cluster.stopEngines(stop);
    const restart = text(options, "restart");
    if (restart !== undefined) await cluster.restartEngines(restart);
    if (add !== undefined) await cluster.startEngines(add);
    // Once they have all come.
    await using client = await cluster.connect();
    const state = await look(client);
    process.stdout.write(flag(options, "json") ? json(state.engines) : engineTable(state.engines));
    return ExitCode.success;
  },
};
