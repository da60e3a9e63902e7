/** Who may speak to a cluster: sockets, connection files, keys, and what becomes of messages that are not in order. */

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmodSync, mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { Client, Cluster, type ConnectionInfo } from "ndparallel";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { connectorHandshake } from "../../src/channel/handshake.ts";
import { listen } from "../../src/channel/listener.ts";
import { enter, headOf, type Intruder, knock, type Target } from "./attacker.ts";
import { type ClusterPids, failureWithin, pidsOf, rejectionWithin, until, useSandbox } from "./processes.ts";
import { listeningSockets } from "./sockets.ts";
import { nap, running } from "./tasks.ts";

const sandbox = useSandbox("file");
const increment = (x: number): number => x + 1;

let cluster: Cluster;
let client: Client;
let info: ConnectionInfo;
/** A connection to another cluster that stopped in the middle of its handshake when the tests began. */
let hesitant: Intruder;
let hesitantTo: Cluster;
/** The name, in a space of names without files, of the socket at which the controller listens besides its port. */
let localName: string;

beforeAll(async () => {
  cluster = await Cluster.start({ engines: 1 });
  client = await cluster.connect();
  info = JSON.parse(readFileSync(cluster.file, "utf8"));
  localName =
    listeningSockets(info.controllerPid)
      .find((name) => name.startsWith("unix @"))
      ?.slice("unix @".length) ?? "";
  hesitantTo = await Cluster.start({ engines: 0 });
  hesitant = await knock(JSON.parse(readFileSync(hesitantTo.file, "utf8")));
  await until(() => hesitant.received().byteLength > 0, "the controller greeted");
  hesitant.socket.write(hesitant.received().subarray(0, 20));
});

afterAll(async () => {
  client.close();
  await Promise.all([cluster.stop(), hesitantTo.stop()]);
});

async function pidsAndClose(visitor: Client): Promise<ClusterPids> {
  await using _ = visitor;
  return await pidsOf(visitor);
}

type Rejected = Awaited<ReturnType<Client["status"]>>["rejected"];

async function rejected(): Promise<Rejected> {
  return (await client.status()).rejected;
}

/** Resolves once these have been refused since, and nothing else has. */
async function countedSince(before: Rejected, more: Partial<Rejected>): Promise<void> {
  const total = (counts: Rejected): number => Object.values(counts).reduce((sum, count) => sum + count, 0);
  const expected = { ...before };
  for (const [name, count] of Object.entries(more)) expected[name as keyof Rejected] += count;
  let seen = before;
  await until(async () => {
    seen = await rejected();
    return total(seen) >= total(expected);
  }, "what was refused was counted");
  expect(seen).toEqual(expected);
}

describe("sockets", () => {
  it("are two for the controller, on this machine only and without a file, and none for anybody else", async () => {
    const { controller, agent, engines } = await pidsOf(client);
    // 127.0.0.1, as the kernel of a little-endian machine writes it.
    expect(listeningSockets(controller)).toEqual([`tcp 0100007F:${info.port}`, `unix @${localName}`]);
    for (const pid of [agent, ...engines]) expect(listeningSockets(pid)).toEqual([]);
  });

  it("have no name that somebody else could take first", async () => {
    expect(localName).toMatch(/^ndparallel-[0-9a-f]{64}$/);
    const names = listeningSockets((await hesitantTo.connect().then(pidsAndClose)).controller);
    expect(names.at(-1)).not.toBe(`unix @${localName}`);
    expect(localName).not.toContain(info.key);
  });
});

describe("connection files", () => {
  const path = (name: string): string => join(sandbox.profileDir, "..", "tmp", name);
  const files = ["wide.json", "broken.json", "empty.json", "half.json", "wrong-key.json"];
  const write = (name: string, text: string, mode = 0o600): string => {
    writeFileSync(path(name), text, { mode });
    chmodSync(path(name), mode);
    return path(name);
  };
  afterAll(() => {
    for (const name of files) rmSync(path(name), { force: true });
  });

  it.each([0o640, 0o604, 0o660, 0o777, 0o622])("with mode %o are refused, whoever made them so", async (mode) => {
    const file = write("wide.json", JSON.stringify(info), mode);
    for (const attempt of [() => Client.connect({ file }), () => Cluster.from(file)]) {
      const error = await failureWithin(1_000, attempt(), "SecurityError");
      expect(error.message).toContain(file);
      expect(error.message).toContain(`mode 0${mode.toString(8)}`);
      expect(error.message).toMatch(/chmod/);
    }
    const stillFine = write("wide.json", JSON.stringify(info), 0o400);
    (await Client.connect({ file: stillFine })).close();
  });

  it.each([
    ["broken.json", "{ not json"],
    ["empty.json", ""],
    ["half.json", JSON.stringify({ clusterId: "x", host: "127.0.0.1" })],
  ])("that are malformed (%s) are refused", async (name, text) => {
    const file = write(name, text);
    const error = await failureWithin(1_000, Client.connect({ file }), "ConnectionError");
    expect(error.message).toContain(`${file} is not a connection file`);
  });

  it("that do not exist are waited for, then refused with the clusters that run", async () => {
    const missing = join(sandbox.profileDir, "cluster-missing.json");
    for (const where of [{ file: missing }, { clusterId: "missing" }]) {
      const began = performance.now();
      const error = await failureWithin(2_000, Client.connect({ ...where, timeout: 200 }), "ConnectionError");
      expect(performance.now() - began).toBeGreaterThan(190);
      expect(error.message).toContain(missing);
      expect(error.message).toMatch(/running clusters: /);
      expect(error.message).toContain(cluster.clusterId);
    }
    const elsewhere = Client.connect({ clusterId: "missing", profileDir: "/nowhere", timeout: 50 });
    expect((await failureWithin(2_000, elsewhere, "ConnectionError")).message).toMatch(/no cluster is running/);
  });

  it("that appear in time are used", async () => {
    const file = join(sandbox.profileDir, "..", "tmp", "wrong-key.json");
    const waiting = Client.connect({ file, timeout: 5_000 });
    write("wrong-key.json", JSON.stringify(info));
    (await waiting).close();
  });

  it("with another key do not open the cluster", async () => {
    const before = await rejected();
    const wrong = { ...info, key: randomBytes(32).toString("hex") };
    const error = await failureWithin(1_000, Client.connect({ info: wrong }), "SecurityError");
    expect(error.message).toMatch(/key/);
    await failureWithin(
      1_000,
      Client.connect({ file: write("wrong-key.json", JSON.stringify(wrong)) }),
      "SecurityError",
    );
    await countedSince(before, { handshakes: 2 });
  });

  it.each<[string, unknown, RegExp]>([
    ["nothing", {}, /exactly one of clusterId, file and info; given: none/],
    ["two ways", { clusterId: "a", file: "b" }, /exactly one of.*given: clusterId, file/],
    ["no object", "cluster", /exactly one of|object/],
    ["a clusterId that is a path", { clusterId: "../../etc/passwd" }, /clusterId must be/],
    ["an info without a key", { info: { clusterId: "a", host: "b", port: 1 } }, /info\.key must be a string/],
    ["an info that is no object", { info: 7 }, /info must be an object/],
    ["a time limit as text", { file: "x", timeout: "1 s" }, /timeout must be a number.*1 s/],
  ])("and other ways: %s is refused", async (_, options, message) => {
    const error = await rejectionWithin(1_000, Client.connect(options as Parameters<typeof Client.connect>[0]));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toMatch(message);
  });

  it("are not written where others could change them", async () => {
    const profileDir = path("open");
    mkdirSync(profileDir, { mode: 0o777 });
    chmodSync(profileDir, 0o777);
    const error = await failureWithin(5_000, Cluster.start({ engines: 0, profileDir }), "SecurityError");
    expect(error.message).toContain(profileDir);
    rmdirSync(profileDir);
  });
});

describe("a server that is no controller", () => {
  const servers: Server[] = [];
  afterAll(() => {
    for (const server of servers) server.close();
  });
  const serve = async (greet: (socket: Socket) => void): Promise<ConnectionInfo> => {
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      greet(socket);
    }).listen(0, "127.0.0.1");
    servers.push(server);
    await once(server, "listening");
    return { ...info, port: (server.address() as AddressInfo).port };
  };

  it("gets no key and gives a typed error, whatever it does", async () => {
    const heard: Buffer[] = [];
    const listening = (greet: (socket: Socket) => void) => (socket: Socket) => {
      socket.on("data", (chunk) => heard.push(chunk));
      greet(socket);
    };
    const garbage = await serve(listening((socket) => void socket.write(randomBytes(200))));
    const error = await failureWithin(1_000, Client.connect({ info: garbage }), "SecurityError");
    expect(error.message).toMatch(/handshake/);
    const silent = await serve(listening(() => undefined));
    await failureWithin(1_000, Client.connect({ info: silent, timeout: 200 }), "ConnectionError");
    const closing = await serve(listening((socket) => void socket.end()));
    await failureWithin(1_000, Client.connect({ info: closing, timeout: 200 }), "ConnectionError");
    expect(Buffer.concat(heard).includes(info.key)).toBe(false);
    expect(Buffer.concat(heard).includes(Buffer.from(info.key, "hex"))).toBe(false);
  });

  it("is not believed when it repeats what a controller said to somebody else", async () => {
    const recorded = await enter(info);
    const said = recorded.received();
    expect(said.byteLength).toBe(72);
    const replay = await serve((socket) => {
      socket.write(said.subarray(0, 40));
      socket.once("data", () => socket.write(said.subarray(40)));
    });
    await failureWithin(1_000, Client.connect({ info: replay }), "SecurityError");
    recorded.socket.destroy();
  });

  it("is not waited for when it knows the key and then says nothing", async () => {
    const mute = await listen({
      host: "127.0.0.1",
      key: info.key,
      accept: (connection) => {
        connection.hold();
        return { message: () => undefined, closed: () => undefined };
      },
    });
    const attempt = Client.connect({ info: { ...info, port: mute.port }, timeout: 300 });
    const error = await failureWithin(1_000, attempt, "ConnectionError");
    expect(error.message).toMatch(/did not answer within/);
    mute.close();
  });

  it("that is not there at all is said to be so", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    server.close();
    const error = await failureWithin(1_000, Client.connect({ info: { ...info, port } }), "ConnectionError");
    expect(error.message).toMatch(/ECONNREFUSED/);
  });
});

describe.each(["TCP", "local"])("the controller's %s socket", (kind) => {
  let target: Target;
  beforeAll(() => {
    target = kind === "TCP" ? info : { ...info, path: `\0${localName}` };
  });

  /** A task that runs, and calls that come and go, on another connection, during each of the tests. */
  beforeEach(() => {
    let isOver = false;
    const task = client.at(0).apply(nap, 20);
    const calls = (async () => {
      let count = 0;
      for (; !isOver; count++) expect(await client.at(0).apply(increment, count)).toBe(count + 1);
      return count;
    })();
    return async () => {
      isOver = true;
      expect(await calls).toBeGreaterThan(0);
      expect(await task).toBe("rested");
    };
  });

  const HTTP = Buffer.from("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");

  it.each<[string, () => Uint8Array]>([
    ["random bytes", () => randomBytes(4_096)],
    ["a megabyte of random bytes", () => randomBytes(1024 * 1024)],
    ["zeros", () => Buffer.alloc(72)],
    ["a request of a browser", () => HTTP],
    ["one wrong byte", () => Buffer.from("x")],
    [
      "the right greeting with a made-up proof",
      () => Buffer.concat([hesitant.received().subarray(0, 8), randomBytes(64)]),
    ],
    ["its own greeting with a made-up proof", () => Buffer.concat([hesitant.received(), randomBytes(32)])],
  ])("hangs up on %s", async (_, bytes) => {
    const before = await rejected();
    const intruder = await knock(target);
    intruder.socket.write(bytes());
    await intruder.hungUp();
    // It has said its greeting, and nothing else.
    expect(intruder.received().byteLength).toBeLessThanOrEqual(40);
    await countedSince(before, { handshakes: 1 });
  });

  it("counts those who leave in the middle of the handshake", async () => {
    const before = await rejected();
    for (const bytes of [Buffer.alloc(0), hesitant.received().subarray(0, 8), hesitant.received()]) {
      const intruder = await knock(target);
      intruder.socket.write(bytes);
      intruder.socket.end();
      await intruder.hungUp();
    }
    await countedSince(before, { handshakes: 3 });
  });

  it("refuses a proof that was recorded from somebody else", async () => {
    // What a client that knows the key sends in answer to one greeting does not answer the next.
    const recorder = await knock(target);
    await until(() => recorder.received().byteLength === 40, "the controller greeted");
    const { send } = connectorHandshake(info.key).receive(recorder.received());
    recorder.socket.write(send as Uint8Array);
    await until(() => recorder.received().byteLength === 72, "the controller accepted");
    const before = await rejected();
    const replay = await knock(target);
    replay.socket.write(send as Uint8Array);
    await replay.hungUp();
    await countedSince(before, { handshakes: 1 });
    recorder.socket.destroy();
  });

  const hello = headOf({ type: "hello", role: "client", uuid: "an-insider" });

  it("hangs up on a packet with a wrong signature", async () => {
    for (const sequence of [0, 1]) {
      const before = await rejected();
      const insider = await enter(target);
      if (sequence === 1) insider.socket.write(insider.packet(0, hello));
      const forged = headOf({ type: "request", requestId: 1, request: { method: "shutdown" } });
      insider.socket.write(insider.packet(sequence, forged, randomBytes(32)));
      await insider.hungUp();
      await countedSince(before, { signatures: 1 });
    }
  });

  it("hangs up on a packet that was changed on its way", async () => {
    const before = await rejected();
    const insider = await enter(target);
    const packet = insider.packet(0, hello);
    packet[packet.byteLength - 1] = (packet.at(-1) as number) ^ 1;
    insider.socket.write(packet);
    await insider.hungUp();
    await countedSince(before, { signatures: 1 });
  });

  it("hangs up on a packet that it has seen before, or that comes out of order", async () => {
    const status = headOf({ type: "request", requestId: 1, request: { method: "status" } });
    for (const second of [0, 2, 7_000]) {
      const before = await rejected();
      const insider = await enter(target);
      insider.socket.write(insider.packet(0, hello));
      insider.socket.write(insider.packet(second, status));
      await insider.hungUp();
      await countedSince(before, { replays: 1 });
    }
  });

  it("hangs up on a packet of another connection", async () => {
    const [one, other] = [await enter(target), await enter(target)];
    const before = await rejected();
    other.socket.write(one.packet(0, hello));
    await other.hungUp();
    await countedSince(before, { signatures: 1 });
    one.socket.destroy();
  });

  it.each<[string, Uint8Array]>([
    ["that is no msgpack", randomBytes(64).fill(0xc1, 0, 1)],
    ["that is empty", new Uint8Array(0)],
    ["that is something else", headOf().subarray(0, 1)],
    ["with a message without a type", headOf({ kind: "hello" })],
    ["with a message that is no object", headOf("hello")],
    ["whose first message is no greeting", headOf({ type: "request", requestId: 1, request: { method: "status" } })],
    ["whose greeting is nobody's", headOf({ type: "hello", role: "king", uuid: "x" })],
  ])("hangs up on a signed head %s", async (_, head) => {
    const before = await rejected();
    const insider = await enter(target);
    insider.socket.write(insider.packet(0, head));
    await insider.hungUp();
    await countedSince(before, { malformed: 1 });
  });

  it("hangs up on bytes that are no packet", async () => {
    const before = await rejected();
    const insider = await enter(target);
    insider.socket.write(HTTP);
    insider.socket.write(Buffer.alloc(100));
    await insider.hungUp();
    await countedSince(before, { malformed: 1 });
  });

  it("bears 200 such connections at once", async () => {
    const before = await rejected();
    const intruders = await Promise.all(Array.from({ length: 200 }, () => knock(target)));
    for (const { socket } of intruders) socket.write(randomBytes(256));
    await Promise.all(intruders.map((intruder) => intruder.hungUp(5_000)));
    await countedSince(before, { handshakes: 200 });
    const late = await cluster.connect();
    expect(await late.at(0).apply(increment, 1)).toBe(2);
    late.close();
  });

  it("does not wait for ever for the rest of a handshake", async () => {
    await hesitant.hungUp(6_000);
    await using witness = await hesitantTo.connect();
    expect((await witness.status()).rejected).toEqual({ handshakes: 1, signatures: 0, replays: 0, malformed: 0 });
  });

  it("is as good as new afterwards", async () => {
    const task = client.at(0).apply(nap, 50);
    await running(task);
    expect(await task).toBe("rested");
    expect((await client.status()).clients).toBe(2);
    await using second = await Client.connect({ file: cluster.file });
    expect(await second.view().map(increment, [1, 2, 3])).toEqual([2, 3, 4]);
  });
});
