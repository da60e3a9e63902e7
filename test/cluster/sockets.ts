/** What the kernel knows of the sockets of processes. */

import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Among the flags of a Unix socket: it listens. */
const LISTENING = "00010000";

interface TcpSocket {
  readonly address: string;
  readonly port: number;
  readonly remotePort: number;
  readonly isListening: boolean;
  /** Bytes that wait to be acknowledged by the other end, and to be read by this one. */
  readonly unsent: number;
  readonly unread: number;
  readonly inode: string;
}

/** All TCP sockets of this machine; addresses in hexadecimal, as the kernel writes them. */
function tcpSockets(): TcpSocket[] {
  return ["tcp", "tcp6"].flatMap((table) => {
    return rows(`/proc/net/${table}`).map(([, local = "", remote = "", state, queues = "", , , , , inode = ""]) => {
      const [address = "", port = ""] = local.split(":");
      const [unsent = "", unread = ""] = queues.split(":");
      return {
        address,
        port: Number.parseInt(port, 16),
        remotePort: Number.parseInt(remote.split(":")[1] ?? "", 16),
        isListening: state === "0A",
        unsent: Number.parseInt(unsent, 16),
        unread: Number.parseInt(unread, 16),
        inode,
      };
    });
  });
}

/** The sockets at which a process listens: hexadecimal address and decimal port, and `unix` with path (or `@name`). */
export function listeningSockets(pid: number): string[] {
  const own = inodes(pid);
  const tcp = tcpSockets().filter((socket) => socket.isListening && own.has(socket.inode));
  const udp = ["udp", "udp6"].flatMap((table) => rows(`/proc/net/${table}`)).filter((row) => own.has(row[9] ?? ""));
  const unix = rows("/proc/net/unix").filter((row) => row[3] === LISTENING && own.has(row[6] ?? ""));
  return [
    ...tcp.map(({ address, port }) => `${address}:${port}`),
    ...udp.map((row) => `udp ${row[1]}`),
    ...unix.map((row) => `unix ${row[7]}`),
  ];
}

/** The port at which a process listens. */
export function listeningPort(pid: number): number {
  const own = inodes(pid);
  const socket = tcpSockets().find(({ isListening, inode }) => isListening && own.has(inode));
  if (socket === undefined) throw new Error(`process ${pid} listens at no port`);
  return socket.port;
}

/** The most bytes that lie unread in one direction of a connection to a port. */
export function unreadBytes(port: number): number {
  const ends = tcpSockets().filter((socket) => !socket.isListening && [socket.port, socket.remotePort].includes(port));
  return Math.max(0, ...ends.map(({ unsent, unread }) => Math.max(unsent, unread)));
}

function inodes(pid: number): Set<string> {
  const found = new Set<string>();
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      if (inode !== undefined) found.add(inode);
    } catch {
      // Closed in between.
    }
  }
  return found;
}

/** The rows of a table of the kernel, without its heading. */
function rows(path: string): string[][] {
  const lines = readFileSync(path, "utf8").trim().split("\n").slice(1);
  return lines.map((line) => line.trim().split(/\s+/));
}
