/** Checks of the options that methods take: a misspelt name is an error, and never means everything. */ import { shown } from "../errors.ts";

/** What the value of an option has to be; `"any"`: the method looks for itself. */
type Kind = "boolean" | "function" | "stream" | "text" | "any";

/** Every option of a method. */
export type OptionKinds<O> = { readonly [K in keyof Required<O>]: Kind };

/**
 * `options`, once they are known to be an object with no other names than these, and values of these kinds.
 * @throws TypeError otherwise, naming the option, what was given, and what there is.
 */
export function checkOptions<O extends object>(method: string, options: O, kinds: OptionKinds<O>): O {
  if (typeof options !== "object" || options === null) {
    const names = Object.keys(kinds).join(", ");
    throw new TypeError(`the options of ${method} must be an object of ${names}; given: ${shown(options)}`);
  }
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(kinds, name)) {
      const names = Object.keys(kinds).join(", ");
      throw new TypeError(`unknown option "${name}" of ${method}; the options are: ${names}`);
    }
    if (value !== undefined) checkKind(name, value, kinds[name as keyof O]);
  }
  return options;
}

function checkKind(name: string, value: unknown, kind: Kind): void {
  if (!fits(value, kind)) {
    const wanted = kind === "text" ? "string that is not empty" : kind;
    throw new TypeError(`${name} must be a ${wanted}; given: ${shown(value)}`);
  }
}

function fits(value: unknown, kind: Kind): boolean {
  if (kind === "any") return true;
  if (kind === "text") return typeof value === "string" && value !== "";
  if (kind === "stream") return typeof (value as { write?: unknown } | null)?.write === "function";
  return typeof value === kind;
}
