/** A cluster over two hosts: arrays go directly between them, and through the controller where no route exists. */

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, type TestContext, test } from "vitest";
import { useSandbox } from "./processes.ts";
import { makeTwoHosts, type TwoHosts } from "./two-hosts.ts";

useSandbox();

const program = fileURLToPath(new URL("./fixtures/host.mjs", import.meta.url));

async function line<T>(
  child: ChildProcess,
  lines = createInterface(child.stdout as NodeJS.ReadableStream),
): Promise<T> {
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`a host ended with code ${code} before it said anything`);
  });
  ended.catch(() => undefined);
  const [text] = (await Promise.race([once(lines, "line"), ended])) as [string];
  return JSON.parse(text) as T;
}

interface Visit {
  readonly echoed: boolean;
  readonly summed: boolean;
  readonly incoming: number;
  readonly outgoing: number;
}

/** Runs a cluster on one of two hosts while `use` does something with it on the other. */
async function withServer(
  context: TestContext,
  use: (hosts: TwoHosts, info: { readonly port: number }) => Promise<void>,
): Promise<void> {
  const made = makeTwoHosts();
  if (typeof made === "string") {
    context.skip(made);
    return;
  }
  using hosts = made;
  const server = hosts.spawn(0, [process.execPath, program, "serve", hosts.addresses[0]]);
  try {
    const { info } = await line<{ info: { port: number } }>(server);
    await use(hosts, info);
  } finally {
    server.stdin?.end();
    if (server.exitCode === null) await once(server, "exit");
  }
}

test.for([
  ["direct", "64"],
  ["relay", "16"],
] as const)("%s, %s MB there and back", { timeout: 60_000 }, async ([way, megabytes], context) => {
  await withServer(context, async (hosts, info) => {
    if (way === "relay") hosts.allowOnly(info.port);
    const visitor = hosts.spawn(1, [process.execPath, program, "visit", JSON.stringify(info), megabytes]);
    const visit = await line<Visit>(visitor);
    expect([visit.echoed, visit.summed]).toEqual([true, true]);
    // The controller; and, directly, engine 0's data endpoint, and both engines at that of the visitor.
    expect([visit.outgoing, visit.incoming]).toEqual(way === "direct" ? [2, 2] : [1, 0]);
    if (visitor.exitCode === null) await once(visitor, "exit");
  });
});

test("a host that is cut off is noticed, though nobody closes a connection", { timeout: 120_000 }, async (context) => {
  await withServer(context, async (hosts, info) => {
    const visitor = hosts.spawn(1, [process.execPath, program, "wait", JSON.stringify(info)]);
    const lines = createInterface(visitor.stdout as NodeJS.ReadableStream);
    expect(await line<string>(visitor, lines)).toBe("waits");
    hosts.cut();
    expect(await line(visitor, lines)).toEqual({ name: "ConnectionError" });
    if (visitor.exitCode === null) await once(visitor, "exit");
  });
});
