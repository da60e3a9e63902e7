/** What was typed after `npm run bench`. */

import { parseArgs } from "node:util";

export interface BenchmarkArguments {
  readonly questions: readonly string[];
  readonly quick: boolean;
  /** Names of the systems to ask; undefined is all. */
  readonly only: readonly string[] | undefined;
  /** Where the results are written. */
  readonly json: string | undefined;
}

/** @throws TypeError for an unknown option, RangeError for a question or system that does not exist. */
export function readArguments(
  given: readonly string[],
  known: { readonly questions: readonly string[]; readonly systems: readonly string[] },
): BenchmarkArguments {
  const { values, positionals } = parseArgs({
    args: [...given],
    allowPositionals: true,
    options: { quick: { type: "boolean", default: false }, only: { type: "string" }, json: { type: "string" } },
  });
  const only = values.only?.split(",").map((name) => name.trim());
  checkNames("question", positionals, known.questions);
  checkNames("system", only ?? [], known.systems);
  return { questions: positionals, quick: values.quick, only, json: values.json };
}

function checkNames(what: string, names: readonly string[], known: readonly string[]): void {
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length === 0) return;
  throw new RangeError(`there is no ${what} ${unknown.join(", ")}; there are: ${known.join(", ")}`);
}
