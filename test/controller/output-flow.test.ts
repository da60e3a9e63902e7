/** What a client that does not read is sent, and hears of what it was not sent. */

import { expect, test } from "vitest";
import type { Connection } from "../../src/channel/connection.ts";
import { CLIENT_LIMIT, OutputFlow } from "../../src/controller/output-flow.ts";
import type { Message, Output } from "../../src/protocol/messages.ts";

type Letter = readonly [message: Message, onSent: (() => void) | undefined];

/** A connection whose other end reads when it is told to. */
class Slow implements Connection {
  readonly isOpen = true;
  readonly localAddress = undefined;
  readonly read: Message[] = [];
  #waiting: Letter[] = [];

  send(message: Message, _buffers?: readonly Uint8Array[], onSent?: () => void): void {
    this.#waiting.push([message, onSent]);
  }

  sendRun(): void {
    throw new Error("output is in no run");
  }

  get waiting(): number {
    return this.#waiting.reduce((sum, [message]) => sum + (message as Output).text.length, 0);
  }

  readAll(): void {
    while (this.#waiting.length > 0) {
      const [message, onSent] = this.#waiting.shift() as Letter;
      this.read.push(message);
      onSent?.();
    }
  }

  flush(): void {}
  close(): void {}
  destroy(): void {}
  hold(): void {}
  release(): void {}
}

const text = "µ".repeat(CLIENT_LIMIT / 64);
const output = (taskId: string): Output => ({ type: "output", taskId, stream: "stdout", text });

test("what waits for a client is limited, and what is left out is said in bytes, by task, once", () => {
  const [flow, slow, other] = [new OutputFlow(), new Slow(), new Slow()];
  for (let n = 0; n < 200; n++) flow.pass(slow, output(n < 150 ? "a" : "b"));
  expect(slow.waiting).toBeGreaterThanOrEqual(CLIENT_LIMIT);
  expect(slow.waiting).toBeLessThanOrEqual(CLIENT_LIMIT + text.length);
  const passed = slow.waiting / text.length;
  flow.pass(other, output("a"));
  other.readAll();
  expect(other.read).toEqual([output("a")]);

  slow.readAll();
  flow.pass(slow, output("a"));
  slow.readAll();
  const notices = slow.read.slice(passed, -1) as Output[];
  expect(notices.map(({ taskId, stream, text: notice }) => [taskId, stream, Number(/\d+/.exec(notice)?.[0])])).toEqual([
    ["a", "stderr", (150 - passed) * text.length * 2],
    ["b", "stderr", 50 * text.length * 2],
  ]);
  expect(slow.read.at(-1)).toEqual(output("a"));
});
