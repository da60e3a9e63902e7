/** How references to kept values travel: to engines as names, and from engines as the names of new ones. */

import { Refusal } from "../ndarray-transport/refusal.ts";
import type { TypeHandler } from "../ndarray-transport/types.ts";
import type { KeptArgument, KeptPiece, KeptValue } from "../protocol/kept.ts";
import { type Assembly, bareValue } from "./assembly.ts";
import { meetHandle } from "./kept-handles.ts";
import { installRefs } from "./ref-sequences.ts";
import { partsOf, RemoteRef } from "./remote-ref.ts";
import type { Session } from "./session.ts";

/** How references travel: by name to engines, and back as the names of new ones. */
export function keptHandler(session: Session): TypeHandler {
  installRefs();
  return {
    name: "kept",
    test: (value) => value instanceof RemoteRef,
    encode: encodeRef,
    // Engines may have to fetch it before they can read the call.
    prepare: () => undefined,
    decode: (payload: KeptArgument) => decodeRef(session, payload),
  };
}

/** What is sent in its place. @throws Error when it was freed */
function encodeRef(ref: RemoteRef): KeptArgument | { readonly nothing: unknown } {
  const { pieces, whole, assembly } = partsOf(ref);
  if (pieces.length === 0) return { nothing: assembly.assemble([]) };
  const encoded = pieces.map(({ handle, range }): KeptPiece => {
    if (handle.isFreed) throw new Refusal("is a kept value that was freed; take a call that computes it again");
    meetHandle(handle);
    const { owner, id, engineId } = handle.value;
    return { owner, id, engineId, ...range };
  });
  return { pieces: encoded, whole };
}

/** A reference to one value, as an engine tells of it. */
function decodeRef(session: Session, { pieces: [value] }: KeptArgument): RemoteRef {
  const handle = session.kept.of(value as KeptValue);
  return new RemoteRef({ session, pieces: [{ handle }], whole: "one", assembly: bareValue });
}

/** All of those, as the whole that `assembly` makes. */
export function refOf<T>(session: Session, refs: readonly RemoteRef[], assembly: Assembly<T>): RemoteRef<T> {
  const pieces = refs.flatMap((ref) => partsOf(ref).pieces);
  const whole = assembly.join ?? (assembly.single ? "one" : "list");
  return new RemoteRef({ session, pieces, whole, assembly });
}
