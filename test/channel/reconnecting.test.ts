/** Connections that outlive the other end. */

import { describe, expect, test } from "vitest";
import type { Connection } from "../../src/channel/connection.ts";
import { type Listener, listen } from "../../src/channel/listener.ts";
import { connectLasting, type ReconnectingConnection } from "../../src/channel/reconnecting.ts";
import { Unrecorded } from "../../src/channel/unrecorded.ts";
import type { Message, Welcome } from "../../src/protocol/messages.ts";
import { newKey } from "../../src/protocol/signing.ts";
import { until } from "../cluster/processes.ts";

const key = newKey();
const output = (text: string): Message => ({ type: "output", taskId: "t", stream: "stdout", text });

/** A controller that greets, and can be killed and started again at the same port. */
class Other {
  readonly heard: Message[] = [];
  #listener: Listener | undefined;
  #connection: Connection | undefined;
  port = 0;

  async start(welcome: Partial<Welcome>): Promise<void> {
    this.#listener = await listen({
      host: "127.0.0.1",
      key,
      port: this.port || undefined,
      accept: (connection) => {
        this.#connection = connection;
        return {
          message: (message) => {
            this.heard.push(message);
            if (message.type === "hello") connection.send({ type: "welcome", clusterId: "c", ...welcome });
          },
          closed: () => undefined,
        };
      },
    });
    this.port = this.#listener.port;
  }

  send(message: Message): void {
    this.#connection?.send(message);
  }

  die(): void {
    this.#listener?.close();
    this.#connection?.destroy();
  }
}

interface Ends {
  readonly lasting: ReconnectingConnection;
  readonly news: string[];
}

async function connected(other: Other, patience?: number): Promise<Ends> {
  const news: string[] = [];
  const lasting = await connectLasting({
    host: "127.0.0.1",
    port: other.port,
    key,
    timeout: 1_000,
    patience,
    hello: (isBack) => ({ type: "hello", role: "client", uuid: isBack ? "back" : "first" }),
    isKept: ({ type }) => type === "output",
    onLost: () => news.push("lost"),
    onBack: () => news.push("back"),
    handlers: {
      message: ({ type }) => news.push(type),
      closed: () => news.push("closed"),
    },
  });
  await until(() => news.includes("welcome"), "it was welcome");
  return { lasting, news };
}

describe("the connection", () => {
  test("is made anew when the other end dies and comes back; what was not recorded is known", async () => {
    const other = new Other();
    await other.start({ patience: 5_000, isDurable: true });
    const { lasting, news } = await connected(other);
    for (const text of ["a", "b", "c"]) lasting.send(output(text));
    await until(() => other.heard.length === 4, "it heard all");
    other.send({ type: "recorded", count: 2 });
    await until(() => lasting.unrecorded.all.length === 1, "two were recorded");
    other.die();
    await until(() => news.includes("lost"), "it was noticed");
    expect(lasting.isOpen).toBe(true);
    lasting.send(output("d"));
    await other.start({ patience: 5_000, isDurable: true });
    await until(() => news.includes("back"), "it was back");
    expect(lasting.unrecorded.all.map(({ message }) => message)).toEqual([output("c"), output("d")]);
    expect(other.heard.at(-1)).toMatchObject({ type: "hello", uuid: "back" });
    // A second welcome on the same connection is only news.
    other.send({ type: "welcome", clusterId: "c", patience: 5_000, isDurable: true });
    await until(() => news.filter((name) => name === "welcome").length === 3, "it was told again");
    expect(news).toEqual(["welcome", "lost", "back", "welcome", "welcome"]);
    lasting.close();
    other.die();
  });

  test("keeps nothing, and is not made anew, unless the other end says so", async () => {
    const other = new Other();
    await other.start({});
    const { lasting, news } = await connected(other);
    lasting.send(output("a"));
    expect(lasting.unrecorded.all).toEqual([]);
    other.die();
    await until(() => news.includes("closed"), "it ended");
    expect([lasting.isOpen, news]).toEqual([false, ["welcome", "closed"]]);
  });

  test("ends with a goodbye, and when the other end stays away", async () => {
    for (const goodbye of [true, false]) {
      const other = new Other();
      await other.start({ patience: 300 });
      const { lasting, news } = await connected(other);
      if (goodbye) {
        other.send({ type: "goodbye" });
        other.send(output("last"));
        await until(() => news.includes("output"), "all was heard");
      }
      other.die();
      await until(() => news.includes("closed"), "it ended");
      expect([lasting.isOpen, news.includes("lost")]).toEqual([false, !goodbye]);
    }
  });

  test("waits for an end that is away at first", async () => {
    const other = new Other();
    await other.start({});
    other.die();
    const opening = connected(other, 5_000);
    await other.start({});
    const { lasting } = await opening;
    lasting.close();
    other.die();
  });
});

describe("what is not recorded", () => {
  test("is copied, and goes oldest first", () => {
    const unrecorded = new Unrecorded();
    const bytes = Uint8Array.of(1);
    for (const text of ["a", "b", "c"]) unrecorded.add({ message: output(text), buffers: [bytes] });
    bytes[0] = 2;
    expect(unrecorded.output).toBe(3);
    unrecorded.recorded(1);
    expect(unrecorded.output).toBe(2);
    expect(unrecorded.all).toEqual([
      { message: output("b"), buffers: [Uint8Array.of(1)] },
      { message: output("c"), buffers: [Uint8Array.of(1)] },
    ]);
    unrecorded.recorded(99);
    unrecorded.add({ message: output("d"), buffers: [] });
    expect(unrecorded.take()).toEqual([{ message: output("d"), buffers: [] }]);
    expect([unrecorded.all, unrecorded.output]).toEqual([[], 0]);
  });
});
