/** Two hosts on this machine: network namespaces with a cable between them; on the second, processes of the first are not seen. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";

/** Addresses for tests of networks (RFC 2544). */
const ADDRESSES = ["198.18.77.1", "198.18.77.2"] as const;

export interface TwoHosts extends Disposable {
  readonly addresses: typeof ADDRESSES;
  /** Runs a program on one of them; its processes end with what is returned. */
  spawn(host: 0 | 1, command: readonly string[]): ChildProcess;
  /** Nothing gets from one to the other any more, and nobody is told. */
  cut(): void;
  /** From now on nobody reaches another port of the other host than that one of the first. */
  allowOnly(port: number): void;
}

/** Gives the reason where there can be none: another system than Linux, no iproute2, no privileges. */
export function makeTwoHosts(): TwoHosts | string {
  const names = ADDRESSES.map((_, index) => `ndp-${process.pid}-${index}`) as [string, string];
  const remove = (): void => names.forEach((name) => void spawnSync("ip", ["netns", "del", name]));
  const ip = (...words: string[]): void => {
    const { status, stderr, error } = spawnSync("ip", words, { encoding: "utf8" });
    if (status !== 0) throw new Error(`ip ${words.join(" ")}: ${error?.message ?? stderr.trim()}`);
  };
  try {
    for (const name of names) ip("netns", "add", name);
    ip("link", "add", "v0", "netns", names[0], "type", "veth", "peer", "name", "v1", "netns", names[1]);
    for (const [index, name] of names.entries()) {
      ip("-n", name, "addr", "add", `${ADDRESSES[index]}/30`, "dev", `v${index}`);
      for (const device of ["lo", `v${index}`]) ip("-n", name, "link", "set", device, "up");
    }
  } catch (error) {
    remove();
    return `network namespaces need root and iproute2 (${(error as Error).message})`;
  }
  return {
    addresses: ADDRESSES,
    spawn: (host, command) => {
      const isolated = host === 1 ? ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"] : [];
      return spawn("ip", ["netns", "exec", names[host], ...isolated, ...command], {
        stdio: ["pipe", "pipe", "inherit"],
      });
    },
    cut: () => ip("-n", names[0], "link", "set", "v0", "down"),
    allowOnly: (port) => {
      const rule = (host: 0 | 1, ...words: string[]): void => ip("-n", names[host], "rule", "add", ...words);
      const tcp = ["ipproto", "tcp"];
      rule(0, "pref", "10", ...tcp, "sport", String(port), "table", "main");
      rule(0, "pref", "11", ...tcp, "to", ADDRESSES[1], "dport", "1-65534", "prohibit");
      rule(1, "pref", "10", ...tcp, "dport", String(port), "table", "main");
      rule(1, "pref", "11", ...tcp, "to", ADDRESSES[0], "dport", "1-65534", "prohibit");
    },
    [Symbol.dispose]: remove,
  };
}
