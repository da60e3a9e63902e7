/** References to kept values as sequences: what a map or a parallel function divides is where it lies already. */

import { type ForeignArrays, type ForeignOutput, foreignArrays, setForeignArrays } from "../parallel-map/foreign.ts";
import { joinReceived } from "../parallel-map/join.ts";
import { installTensors } from "../tensors/install.ts";
import { bareValue, valueList } from "./assembly.ts";
import { lengthOf, partsOf, type RefPiece, RemoteRef } from "./remote-ref.ts";

let areInstalled = false;

/** Lets references be divided where sequences are. */
export function installRefs(): void {
  if (areInstalled) return;
  areInstalled = true;
  installTensors();
  const others = foreignArrays();
  const either =
    <A extends unknown[], R>(ofRef: (ref: RemoteRef, ...more: A) => R, other: (array: object, ...more: A) => R) =>
    (array: object, ...more: A): R =>
      array instanceof RemoteRef ? ofRef(array, ...more) : other(array, ...more);
  const arrays: ForeignArrays = {
    ...others,
    is: (value): value is object => value instanceof RemoteRef || others.is(value),
    shape: either((ref) => [refLength(ref) ?? []].flat(), others.shape),
    divisible: either((ref) => ref, others.divisible),
    whole: either((ref) => ref, others.whole),
    slice: either((ref, _axis, start, stop, step) => {
      if (step === 1) return sliceRef(ref, start, stop);
      throw new TypeError("a kept value cannot be dealt out round robin: divide it in blocks, or get() it first");
    }, others.slice),
    outputKind: either(outputOf, others.outputKind),
    layout: (array) => (array instanceof RemoteRef ? layoutOf(array) : undefined),
  };
  setForeignArrays(arrays);
}

/** How many items it has, if it can be divided. */
function refLength(ref: RemoteRef): number | undefined {
  const { pieces, whole } = partsOf(ref);
  if (whole === "list") return pieces.length;
  const isInOrder = whole === "one" || ((whole.axis ?? 0) === 0 && whole.dist !== "roundRobin");
  const lengths = pieces.map(lengthOf);
  if (!isInOrder || lengths.includes(undefined) || pieces.length === 0) return undefined;
  return (lengths as number[]).reduce((sum, length) => sum + length, 0);
}

/** How many of its items lie on which engines, one after another. */
function layoutOf(ref: RemoteRef): { readonly engineId: number; readonly length: number }[] {
  const { pieces, whole } = partsOf(ref);
  return pieces.map((piece) => ({
    engineId: piece.handle.value.engineId,
    length: whole === "list" ? 1 : (lengthOf(piece) as number),
  }));
}

function sliceRef(ref: RemoteRef, start: number, stop: number): RemoteRef {
  const { session, pieces, whole } = partsOf(ref);
  if (whole === "list") {
    return new RemoteRef({ session, pieces: pieces.slice(start, stop), whole, assembly: valueList });
  }
  const chosen: RefPiece[] = [];
  let at = 0;
  for (const piece of pieces) {
    const length = lengthOf(piece) as number;
    const [from, to] = [Math.max(start, at), Math.min(stop, at + length)];
    const offset = (piece.range?.start ?? 0) - at;
    if (from < to) chosen.push({ handle: piece.handle, range: { start: from + offset, stop: to + offset } });
    at += length;
  }
  const join = whole === "one" ? {} : whole;
  const assemble = (values: readonly unknown[]): unknown => joinReceived(values, join);
  return new RemoteRef({ session, pieces: chosen, whole: join, assembly: { ...bareValue, assemble } });
}

/** What a map over it gives: as over its value, of whatever kind that is. */
function outputOf(ref: RemoteRef): ForeignOutput {
  const { pieces, whole } = partsOf(ref);
  const output: unknown = whole === "list" ? { kind: "array" } : pieces[0]?.handle.value.output;
  return output as ForeignOutput;
}
