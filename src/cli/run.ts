/** From arguments to a command, and from its end to an exit code. */

import { readFileSync } from "node:fs";
import { isParallelError } from "../errors.ts";
import { type Command, helpOf, overview, parseOptions } from "./arguments.ts";
import { clean, history, list, stop } from "./commands.ts";
import { engines } from "./engines.ts";
import { ExitCode, Failure } from "./failure.ts";
import { start } from "./start.ts";
import { status } from "./status.ts";

const commands: readonly Command[] = [start, status, list, engines, history, stop, clean];

/** Runs one command to its end. Never rejects: what goes wrong is told on stderr, and in the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  try {
    return await dispatch(args);
  } catch (error) {
    process.stderr.write(`ndparallel: ${(error as Error).message}\n`);
    if (error instanceof Failure) return error.exitCode;
    // What the library says of arguments that make no sense.
    if (error instanceof TypeError || error instanceof RangeError) return ExitCode.usage;
    if (!isParallelError(error)) process.stderr.write(`${(error as Error).stack}\n`);
    return ExitCode.failure;
  }
}

async function dispatch([name, ...rest]: readonly string[]): Promise<number> {
  if (name === undefined || name === "help" || name === "--help" || name === "-h") {
    const command = commands.find((each) => each.name === rest[0]);
    process.stdout.write(command === undefined ? overview(commands) : helpOf(command));
    return name === undefined ? ExitCode.usage : ExitCode.success;
  }
  if (name === "--version" || name === "-v") {
    process.stdout.write(`${version()}\n`);
    return ExitCode.success;
  }
  const command = commands.find((each) => each.name === name);
  if (command === undefined) {
    const known = commands.map((each) => each.name).join(", ");
    throw new Failure(`there is no command "${name}"; commands are: ${known}`, ExitCode.usage);
  }
  const options = parseOptions(command, rest);
  if (options.values["help"]) {
    process.stdout.write(helpOf(command));
    return ExitCode.success;
  }
  return await command.run(options);
}

function version(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
