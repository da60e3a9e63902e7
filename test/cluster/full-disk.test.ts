/** A task database whose disk is full: tasks go on, it is said, and nothing is lost when there is room again. */

import { execFileSync } from "node:child_process";
import { mkdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { Client, Cluster } from "ndparallel";
import { expect, test } from "vitest";
import { gone, until, useSandbox } from "./processes.ts";

useSandbox();

/** A small disk of its own. */
class Disk implements Disposable {
  readonly path = join(process.env["TMPDIR"] as string, "disk");

  /** @throws Error without the privilege to mount. */
  constructor() {
    mkdirSync(this.path);
    try {
      this.#mount("size=1m");
    } catch (error) {
      rmdirSync(this.path);
      throw error;
    }
  }

  grow(): void {
    this.#mount("remount,size=256m");
  }

  #mount(options: string): void {
    execFileSync("mount", ["-t", "tmpfs", "-o", options, "none", this.path], { stdio: "pipe" });
  }

  [Symbol.dispose](): void {
    execFileSync("umount", [this.path]);
    rmdirSync(this.path);
  }
}

function diskOr(skip: (why: string) => never): Disk {
  try {
    return new Disk();
  } catch {
    return skip("a small disk can be mounted only with privileges, on Linux");
  }
}

test("a full disk stops no task, is said, and what ended meanwhile is written when there is room", {
  timeout: 90_000,
}, async (context) => {
  using disk = diskOr((why) => context.skip(why));
  await using cluster = await Cluster.start({
    engines: 2,
    controller: { database: { file: join(disk.path, "tasks.sqlite") } },
  });
  const rc = await cluster.connect();
  const lview = rc.loadBalancedView();
  const text = (n: number): string => String(n).padEnd(20_000, ".");
  const rounds = 4;
  const ids: string[] = [];
  for (let round = 0; round < rounds; round++) {
    const results = Array.from({ length: 60 }, (_, n) => lview.apply(text, 60 * round + n));
    expect(await Promise.all(results)).toEqual(results.map((_, n) => text(60 * round + n)));
    ids.push(...results.flatMap(({ messageIds }) => messageIds));
  }
  const failed = await until(async () => (await rc.status()).databaseFailure, "it was noticed", 20_000);
  expect(failed).toEqual({ message: expect.stringMatching(/full/), lost: 0 });
  // Everything is known all the same, also to others.
  expect([...(await rc.hubHistory())].sort()).toEqual([...ids].sort());
  expect(await rc.dbQuery({ status: "ok" }, ["status"])).toHaveLength(ids.length);
  await using other = await Client.connect({ file: cluster.file });
  expect(await other.getResult(ids.at(-1))).toBe(text(ids.length - 1));
  expect(await rc.resubmit(ids.at(-1) as string)).toBe(text(ids.length - 1));

  disk.grow();
  await until(async () => (await rc.status()).databaseFailure === undefined, "it could be written again", 20_000);
  // The next controller knows only what was written.
  const { pid } = await rc.status();
  process.kill(pid, "SIGKILL");
  await gone([pid], 5_000);
  expect(await rc.dbQuery({ msgId: { $in: ids } }, ["status"])).toHaveLength(ids.length);
  expect(await other.getResult(ids[0], { owner: false })).toBe(text(0));
  expect(await lview.apply(text, 7)).toBe(text(7));
  rc.close();
});
