/** What tasks print: caught for each task, visible while it runs, and in the order in which it was printed. */

import type { Metadata } from "ndparallel";
import { describe, expect, test, vi } from "vitest";
import { Gate } from "./gate.ts";
import { failure, shareCluster } from "./shared-cluster.ts";

const shared = shareCluster(2);

describe("stdout and stderr", () => {
  test("belong to the task, and have the shape of its targets", async () => {
    const { rc, all } = shared;
    const one = rc.at(0).apply((text: string) => console.log(text), "hello");
    await one;
    expect(one.stdout).toBe("hello\n");
    expect(one.stderr).toBe("");
    expect((one.metadata as Metadata).stdout).toBe("hello\n");
    for (const [id, view] of [...rc].entries()) await view.push({ id });
    const several = all.apply(() => console.log("engine", (globalThis as unknown as { id: number }).id));
    await several;
    expect(several.stdout).toEqual(["engine 0\n", "engine 1\n"]);
    expect(several.stderr).toEqual(["", ""]);
    expect((several.metadata as Metadata[]).map(({ stdout }) => stdout)).toEqual(several.stdout);
    const silent = rc.at(0).apply(() => 1);
    await silent;
    expect(silent.stdout).toBe("");
  });

  test("all the ways of console, apart by stream", async () => {
    const result = shared.rc.at(0).apply(() => {
      console.log("log %d", 1);
      console.info({ a: [1, 2] });
      console.error("error");
      console.warn("warn");
      console.debug("debug");
      console.group("group");
      console.log("inside");
      console.groupEnd();
    });
    await result;
    expect(result.stdout).toBe("log 1\n{ a: [ 1, 2 ] }\ndebug\ngroup\n  inside\n");
    expect(result.stderr).toBe("error\nwarn\n");
  });

  test("write takes texts, bytes and a callback, with and without an encoding, and tells that there is room", async () => {
    const result = shared.rc.at(0).apply(async () => {
      const { stdout, stderr } = process;
      const room: boolean[] = [
        stdout.write("text "),
        stdout.write(Buffer.from("bytes ")),
        stdout.write(Uint8Array.of(0xc2, 0xb5)),
      ];
      await new Promise((resolve) => stdout.write(" called", resolve));
      await new Promise((resolve) => stderr.write("é", "utf8", resolve));
      await new Promise((resolve) => stderr.write(Buffer.from("!"), resolve));
      return room;
    });
    expect(await result).toEqual([true, true, true]);
    expect(result.stdout).toBe("text bytes µ called");
    expect(result.stderr).toBe("é!");
  });

  test("bytes are read as UTF-8, in whatever pieces they come; other encodings are those of write", async () => {
    const result = shared.rc.at(0).apply(() => {
      const { stdout, stderr } = process;
      for (const byte of Buffer.from("µ𝒳 数")) stdout.write(Uint8Array.of(byte));
      stdout.write("20c3a9", "hex");
      stderr.write("aGVsbG8=", "base64");
      // The first half of a character, and no more.
      stderr.write(Uint8Array.of(0xc2));
    });
    await result;
    expect(result.stdout).toBe("µ𝒳 数 é");
    expect(result.stderr).toBe("hello\ufffd");
    const next = shared.rc.at(0).apply(() => process.stderr.write("next"));
    await next;
    expect(next.stderr).toBe("next");
  });

  test("what is neither text nor bytes is refused, as by a stream", async () => {
    const error = await failure(() => shared.rc.at(0).apply(() => process.stdout.write(5 as never)));
    expect(error).toMatchObject({ remoteName: "TypeError" });
  });

  test("text of any alphabet and length", async () => {
    const text = "µ数𝒳 ".repeat(40_000);
    const result = shared.rc.at(0).apply((line: string) => {
      console.log(line);
    }, text);
    await result;
    expect(result.stdout === `${text}\n`).toBe(true);
  });

  test("many lines arrive complete and in order", async () => {
    const result = shared.all.apply(() => {
      for (let i = 0; i < 5000; i++) console.log(i);
    });
    await result;
    const lines = `${Array.from({ length: 5000 }, (_, i) => i).join("\n")}\n`;
    expect((result.stdout as string[]).map((text) => text === lines)).toEqual([true, true]);
  });

  test("what a failing task has printed is there", async () => {
    const result = shared.rc.at(1).apply(() => {
      console.log("before");
      console.error("also before");
      throw new Error("then it failed");
    });
    expect((await failure(() => result)).message).toBe("then it failed");
    expect([result.stdout, result.stderr]).toEqual(["before\n", "also before\n"]);
  });

  test("each task has its own, though they run one after another on one engine", async () => {
    const one = shared.rc.at(0);
    const print = async (text: string): Promise<void> => {
      console.log(text);
      await null;
      console.log(text);
    };
    const results = ["a", "b", "c"].map((text) => one.apply(print, text));
    await Promise.all(results);
    expect(results.map(({ stdout }) => stdout)).toEqual(["a\na\n", "b\nb\n", "c\nc\n"]);
  });

  test("what a task left behind prints while no task runs does not count for a later one", async () => {
    const one = shared.rc.at(0);
    const first = one.apply(() => {
      process.nextTick(() => console.log("too late"));
      console.log("in time");
    });
    const second = one.apply(async () => {
      console.log("mine");
    });
    await Promise.all([first, second]);
    expect(first.stdout).toMatch(/^in time\n/);
    expect(second.stdout).toMatch(/mine\n$/);
  });

  test("of executed code, also of a map and of a pushed function", async () => {
    const { rc, all } = shared;
    const executed = rc.at(0).execute("console.log('from code'); 5");
    await executed;
    expect(executed.stdout).toBe("from code\n");
    const mapped = all.map(
      (x) => {
        console.log(x);
        return x;
      },
      [1, 2, 3],
    );
    await mapped;
    expect(mapped.stdout).toEqual(["1\n2\n", "3\n"]);
  });
});

describe("while the task runs", () => {
  test("a printed line is visible before the task ends", async () => {
    await using gate = await Gate.make();
    const result = shared.rc.at(0).apply(async (url: string) => {
      console.log("first line");
      console.error("a warning");
      await fetch(url);
      console.log("last line");
      return "done";
    }, gate.url);
    await vi.waitFor(() => expect([result.stdout, result.stderr]).toEqual(["first line\n", "a warning\n"]));
    expect(result.ready).toBe(false);
    gate.open();
    expect(await result).toBe("done");
    expect(result.stdout).toBe("first line\nlast line\n");
  });

  test("lines that follow quickly on one another do not wait for the end either", async () => {
    await using gate = await Gate.make();
    const result = shared.all.apply(async (url: string) => {
      for (let i = 0; i < 5; i++) console.log(`line ${i}`);
      await fetch(url);
    }, gate.url);
    const lines = "line 0\nline 1\nline 2\nline 3\nline 4\n";
    await vi.waitFor(() => expect(result.stdout).toEqual([lines, lines]));
    expect(result.progress).toBe(0);
    gate.open();
    await result;
    expect(result.stdout).toEqual([lines, lines]);
  });

  test("everything that was printed is there when the result is", async () => {
    for (let i = 0; i < 20; i++) {
      const result = shared.rc.at(i % 2).apply((n: number) => {
        console.log(`task ${n}`);
        console.error(`trouble ${n}`);
      }, i);
      await result;
      expect([result.stdout, result.stderr]).toEqual([`task ${i}\n`, `trouble ${i}\n`]);
    }
  });
});

test("another client sees the output of a finished task with its result", async () => {
  const { rc, cluster } = shared;
  const result = rc.at(0).apply(() => {
    console.log("for everybody");
    return 5;
  });
  await result;
  await using other = await cluster.connect();
  const fetched = other.getResult(result.messageIds[0] as string);
  expect(await fetched).toBe(5);
  expect(fetched.stdout).toBe("for everybody\n");
});

test("what a task left behind prints while another task runs does not count for that one", async () => {
  await using gate = await Gate.make();
  const one = shared.rc.at(0);
  const first = one.apply((url: string) => {
    setTimeout(async () => {
      console.log("left behind");
      await fetch(url);
    }, 1);
  }, gate.url);
  await first;
  const second = one.apply(async (url: string) => {
    console.log("mine");
    await fetch(url);
    console.log("mine again");
  }, gate.url);
  await gate.arrived(2);
  gate.open();
  await second;
  expect(second.stdout).toBe("mine\nmine again\n");
});
