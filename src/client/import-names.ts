/** Under which names modules are loaded into the namespaces. */

import { shown } from "../errors.ts";
import { checkName } from "./parameters.ts";

/**
 * Names and specifiers from what `import` accepts; a module without a name gets that of its file or package.
 * @throws TypeError for anything else, or when no name can be made.
 */
export function importNames(
  specifiers: string | readonly string[] | Readonly<Record<string, string>>,
): Record<string, string> {
  const list: readonly (readonly [string | undefined, unknown])[] =
    typeof specifiers === "string"
      ? [[undefined, specifiers]]
      : Array.isArray(specifiers)
        ? specifiers.map((specifier) => [undefined, specifier] as const)
        : Object.entries(specifiers ?? {});
  if (list.length === 0)
    throw new TypeError(
      `specifiers must name at least one module, e.g. import("node:os"); given: ${shown(specifiers)}`,
    );
  const names: Record<string, string> = {};
  for (const [name, specifier] of list) {
    if (typeof specifier !== "string" || specifier === "") {
      throw new TypeError(`a module specifier must be a string; given: ${shown(specifier)}`);
    }
    names[checkName(name ?? nameOf(specifier))] = specifier;
  }
  return names;
}

function nameOf(specifier: string): string {
  const last = specifier.split("/").at(-1) ?? specifier;
  return last
    .replace(/^node:/, "")
    .replace(/\.[cm]?[jt]s$/, "")
    .replace(/[-.]+(.)/g, (_, letter: string) => letter.toUpperCase());
}
