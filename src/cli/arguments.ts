/** The options of the commands: read from arguments, checked, and explained. */

import { type ParseArgsConfig, parseArgs } from "node:util";
import { ExitCode, Failure } from "./failure.ts";

/** One option of a command. */
export interface Option {
  readonly type: "string" | "boolean";
  readonly short?: string;
  readonly multiple?: boolean;
  /** What stands for the value in the help. */
  readonly value?: string;
  readonly help: string;
}

export interface Command {
  readonly name: string;
  /** What may follow the name, e.g. `[cluster]`. */
  readonly operands: string;
  readonly summary: string;
  readonly details?: string;
  readonly options: Readonly<Record<string, Option>>;
  /** Gives the exit code. */
  run(options: Options): Promise<number>;
}

/** What was given. */
export interface Options {
  readonly values: Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;
  readonly operands: readonly string[];
}

const common: Readonly<Record<string, Option>> = {
  "profile-dir": {
    type: "string",
    value: "directory",
    help: "where connection files lie; $NDPARALLEL_DIR, or a directory of yours among the temporary ones, if not given",
  },
  json: { type: "boolean", help: "print JSON" },
  help: { type: "boolean", short: "h", help: "print this" },
};

/** @throws Failure for options that the command does not have, or too many operands. */
export function parseOptions(command: Command, args: readonly string[]): Options {
  const options = { ...command.options, ...common } as unknown as NonNullable<ParseArgsConfig["options"]>;
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    const most = command.operands === "" ? 0 : 1;
    if (positionals.length > most) throw new TypeError(`unexpected argument "${positionals[most]}"`);
    return { values, operands: positionals };
  } catch (error) {
    throw new Failure(`${(error as Error).message}\nSee: ndparallel ${command.name} --help`, ExitCode.usage);
  }
}

export function text({ values }: Options, name: string): string | undefined {
  return values[name] as string | undefined;
}

export function flag({ values }: Options, name: string): boolean {
  return values[name] === true;
}

/** @throws Failure when it is no whole number, or less than `least`. */
export function count(options: Options, name: string, least: number): number | undefined {
  const given = text(options, name);
  if (given === undefined) return undefined;
  const value = Number(given);
  if (Number.isInteger(value) && value >= least && given.trim() !== "") return value;
  throw new Failure(`--${name} must be a whole number of at least ${least}; given: ${given}`, ExitCode.usage);
}

export function overview(commands: readonly Command[]): string {
  const rows = commands.map(({ name, operands, summary }): [string, string] => [`${name} ${operands}`.trim(), summary]);
  return `Usage: ndparallel <command> [options]

Starts, shows and stops clusters of this machine. A cluster that was started here outlives the scripts that use it.

Commands:
${columns(rows)}

ndparallel <command> --help says more. ndparallel --version prints the version.
Exit codes: 0 done, 1 failed, 2 bad arguments, 10 the cluster is running already, 11 it is not running.
`;
}

export function helpOf({ name, operands, summary, details = "", options }: Command): string {
  const rows = Object.entries({ ...options, ...common }).map(([long, { short, value, help }]): [string, string] => {
    const names = `${short === undefined ? "" : `-${short}, `}--${long}`;
    return [value === undefined ? names : `${names} <${value}>`, help];
  });
  const more = details === "" ? "" : `\n${details}\n`;
  return `Usage: ndparallel ${`${name} ${operands}`.trim()} [options]\n\n${summary}.\n${more}\nOptions:\n${columns(rows)}\n`;
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join("\n");
}
