/** What printing an object shows, as `console.log` does: its state, and not how it is made. */

import { type InspectOptions, inspect } from "node:util";

/** Objects of `Class` are printed as its name and these members. */
export function printAs<T extends object>(
  Class: { readonly prototype: T },
  members: (object: T) => Readonly<Record<string, unknown>>,
): void {
  Object.defineProperty(Class.prototype, inspect.custom, {
    value(this: T, _depth: number, options: InspectOptions): string {
      return `${this.constructor.name} ${inspect(members(this), options)}`;
    },
  });
}
