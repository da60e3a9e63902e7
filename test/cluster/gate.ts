/** A door at which tasks wait until the test opens it, so that tests know what is running without watching a clock. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export class Gate implements AsyncDisposable {
  readonly #server: Server;
  readonly #waiting: ServerResponse[] = [];
  readonly #watchers = new Set<() => void>();
  #arrived = 0;
  #open = false;

  private constructor(server: Server) {
    this.#server = server;
    server.on("request", (_request, response) => {
      this.#arrived++;
      if (this.#open) response.end();
      else this.#waiting.push(response);
      for (const watcher of this.#watchers) watcher();
    });
  }

  static async make(): Promise<Gate> {
    const server = createServer();
    const gate = new Gate(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return gate;
  }

  /** What a task gives to {@link waitAt}. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  /** Resolves once that many tasks stand at the gate, or have passed it. */
  arrived(count = 1): Promise<void> {
    return new Promise((resolve) => {
      const watcher = (): void => {
        if (this.#arrived < count) return;
        this.#watchers.delete(watcher);
        resolve();
      };
      this.#watchers.add(watcher);
      watcher();
    });
  }

  /** Lets everybody through, now and later. */
  open(): void {
    this.#open = true;
    for (const response of this.#waiting.splice(0)) response.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.open();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Runs on engines: waits until the gate is opened, then returns `value`. */
export async function waitAt<T>(url: string, value: T): Promise<T> {
  await fetch(url);
  return value;
}

/** A gate for tasks that compute without a break, and so cannot ask for anything but a file. */
export class FileGate implements Disposable {
  readonly #directory = mkdtempSync(join(tmpdir(), "gate-"));

  /** What a task gives to {@link computeUntil}. */
  get path(): string {
    return join(this.#directory, "open");
  }

  /** Lets everybody through, now and later. */
  open(): void {
    writeFileSync(this.path, "");
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true });
  }
}

/** Runs on engines: keeps its thread until the file is there, then returns `value`. */
export function computeUntil<T>(path: string, value: T): T {
  const { existsSync } = process.getBuiltinModule("node:fs");
  while (!existsSync(path)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
  return value;
}
