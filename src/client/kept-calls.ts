/** Calls whose results stay on their engines, and what becomes of their results. */

import type { CallValue } from "../protocol/calls.ts";
import type { Assembly } from "./assembly.ts";
import { refOf } from "./ref-wire.ts";
import type { RemoteRef } from "./remote-ref.ts";
import type { Session } from "./session.ts";

/** Calls that give no value. */
const WITHOUT_VALUE: ReadonlySet<string> = new Set<CallValue["operation"]>(["push", "import", "clear"]);

/** The call, so that its result stays if `keep` says so. */
export function keeping(call: CallValue, keep: boolean): CallValue {
  return keep && !WITHOUT_VALUE.has(call.operation) ? { ...call, keep } : call;
}

/** The assembly of a call whose results stay: a reference to them. */
export function keptAssembly<T>(session: Session, assembly: Assembly<T>): Assembly<unknown> {
  if (assembly.takesRefs) return assembly;
  const { single, counts, length } = assembly;
  return {
    single,
    counts,
    length,
    assemble: (refs) => refOf(session, refs as RemoteRef[], assembly),
    items: (ref) => [ref],
  };
}
