/** Runs a TypeScript file as a user would, `node --import tsx file`, and says how it ended. */
import { spawn } from "node:child_process";
import path from "node:path";

/** The project's folder, in which the programs run. */
export const root: string = path.dirname(import.meta.dirname);

/** How a program ended: its exit code, or the signal that ended it, and all it printed. */
export interface ProgramEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
  output: string;
}

/**
 * Runs `file` through tsx in the project's folder with its input closed.
 *
 * @param file path of the program, absolute or relative to the project's folder
 * @param timeoutMs after this many milliseconds the program is killed
 * @param env variables added to the environment
 * @param parameters of the program
 * @param cwd another folder to run it in
 */
export function runTypeScript(
  file: string,
  timeoutMs: number,
  env: Record<string, string> = {},
  { parameters = [], cwd = root }: { parameters?: readonly string[]; cwd?: string } = {},
): Promise<ProgramEnd> {
  const child = spawn(process.execPath, ["--import", "tsx", file, ...parameters], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, output }));
  });
}
