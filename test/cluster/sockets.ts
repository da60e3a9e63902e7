/** What the kernel knows of the sockets of processes. */

import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** The state of a TCP socket, and the flags of a Unix socket, that listens. */
const LISTENING_TCP = "0A";
const LISTENING_UNIX = "00010000";

/**
 * The sockets at which others can reach a process: `tcp` or `udp` with the address in hexadecimal, as the kernel
 * writes it, and the port; `unix` with the path of a file, or with `@` and a name that is no file.
 */
export function listeningSockets(pid: number): string[] {
  const own = inodes(pid);
  const internet = (protocol: string, isReachable: (state: string | undefined) => boolean): string[] =>
    [protocol, `${protocol}6`]
      .flatMap((table) => rows(`/proc/net/${table}`))
      .filter((row) => isReachable(row[3]) && own.has(row[9] ?? ""))
      .map(([, local = ""]) => {
        const [address = "", port = ""] = local.split(":");
        return `${protocol} ${address}:${Number.parseInt(port, 16)}`;
      });
  const unix = rows("/proc/net/unix")
    .filter((row) => row[3] === LISTENING_UNIX && own.has(row[6] ?? ""))
    // The zeros that fill the rest of a name without a file are shown as "@".
    .map((row) => `unix ${row[7]?.replace(/@+$/, "")}`);
  return [...internet("tcp", (state) => state === LISTENING_TCP), ...internet("udp", () => true), ...unix];
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
