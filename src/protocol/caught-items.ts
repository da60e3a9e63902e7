/** The results of a part of a map in which the function threw for some items, and the errors are wanted in their places. */

import { fromWireError, type WireError } from "./wire-error.ts";

export interface CaughtItems {
  readonly caught: true;
  /** `undefined` in the places of the errors. */
  readonly values: readonly unknown[];
  readonly errors: readonly { readonly index: number; readonly error: WireError }[];
  readonly place: { readonly engineId: number; readonly engineUuid: string; readonly messageId: string };
}

/** Results of maps are arrays, never such objects. */
export function isCaughtItems(value: unknown): value is CaughtItems {
  return (value as Partial<CaughtItems> | null | undefined)?.caught === true;
}

/** The errors of the part, as they are thrown. */
export function errorsOf({ errors, place }: CaughtItems): Error[] {
  return errors.map(({ error }) => fromWireError(error, place));
}

/** The values, and the errors in their places. */
export function itemsOf(caught: CaughtItems): unknown[] {
  const items = [...caught.values];
  for (const [position, error] of errorsOf(caught).entries()) {
    items[(caught.errors[position] as { index: number }).index] = error;
  }
  return items;
}
