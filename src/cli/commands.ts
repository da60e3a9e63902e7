/** The short commands: `list`, `history`, `stop` and `clean`. */

import { connectionFiles, defaultProfileDir } from "../client/connection-file.ts";
import type { TaskQuery, TaskRecord } from "../client/task-records.ts";
import { Cluster } from "../cluster/cluster.ts";
import { type Command, count, flag, type Options, text } from "./arguments.ts";
import { chooseCluster, connectTo, place } from "./choose-cluster.ts";
import { ExitCode } from "./failure.ts";
import { age, json, table } from "./print.ts";

export const list: Command = {
  name: "list",
  operands: "",
  summary: "Show the clusters that are running",
  options: {},
  run: async (options) => {
    const running = await Cluster.list(place(options));
    if (flag(options, "json")) process.stdout.write(json(running));
    else if (running.length === 0) process.stdout.write("no cluster is running\n");
    else {
      const rows = running.map(({ clusterId, controllerPid, startedAt, file }) => [
        clusterId,
        controllerPid,
        age(startedAt),
        file,
      ]);
      process.stdout.write(table(["cluster", "controller", "age", "connection file"], rows));
    }
    return ExitCode.success;
  },
};

export const stop: Command = {
  name: "stop",
  operands: "[cluster]",
  summary: "End a cluster: its engines, and everything that belongs to it",
  details: "Without a name: the only cluster that is running.",
  options: { all: { type: "boolean", help: "end all clusters" } },
  run: async (options) => {
    const chosen = flag(options, "all") ? await Cluster.list(place(options)) : [await chooseCluster(options)];
    for (const { file, clusterId } of chosen) {
      const cluster = await Cluster.from(file);
      await cluster.stop();
      if (!flag(options, "json")) process.stdout.write(`cluster ${clusterId} has ended\n`);
    }
    if (flag(options, "json")) process.stdout.write(json(chosen.map(({ clusterId }) => clusterId)));
    return ExitCode.success;
  },
};

export const clean: Command = {
  name: "clean",
  operands: "",
  summary: "Remove the connection files of clusters that have died",
  options: {},
  run: async (options) => {
    const directory = text(options, "profile-dir") ?? defaultProfileDir();
    const before = connectionFiles(directory);
    // Whoever lists clusters looks which of them answer, and removes the files of the others.
    await Cluster.list({ profileDir: directory });
    const after = new Set(connectionFiles(directory).map(({ path }) => path));
    const removed = before.map(({ path }) => path).filter((path) => !after.has(path));
    if (flag(options, "json")) process.stdout.write(json(removed));
    else process.stdout.write(removed.length === 0 ? "nothing to remove\n" : `removed: ${removed.join(", ")}\n`);
    return ExitCode.success;
  },
};

export const history: Command = {
  name: "history",
  operands: "[cluster]",
  summary: "Show the last tasks of a cluster",
  options: {
    limit: { type: "string", short: "l", value: "number", help: "how many; 20 if not given" },
    label: { type: "string", value: "pattern", help: "only those whose label fits, e.g. 'epoch*'" },
    status: { type: "string", value: "status", help: "only those that ended so: ok, error or aborted" },
  },
  run: async (options) => {
    await using client = await connectTo(options);
    const keys = ["submitted", "started", "completed", "engineId", "status", "label", "operation", "error"] as const;
    const records = await client.dbQuery(queryOf(options), keys);
    const last = records.slice(-(count(options, "limit", 1) ?? 20));
    if (flag(options, "json")) {
      process.stdout.write(json(last.map((record) => ({ ...record, error: record.error?.message }))));
    } else {
      process.stdout.write(table(["task", "engine", "what", "label", "submitted", "status", "ms"], last.map(rowOf)));
    }
    return ExitCode.success;
  },
};

function queryOf(options: Options): TaskQuery {
  const label = text(options, "label");
  const status = text(options, "status");
  return {
    ...(label === undefined ? {} : { label: { $glob: label } }),
    ...(status === undefined ? {} : { status }),
  };
}

function rowOf({ msgId, engineId, operation, label, submitted, started, completed, status }: TaskRecord) {
  const took = started instanceof Date && completed instanceof Date ? completed.getTime() - started.getTime() : "-";
  const when = submitted instanceof Date ? submitted.toISOString() : "-";
  return [msgId, engineId ?? "-", operation ?? "-", label ?? "", when, status ?? "pending", took];
}
