#!/usr/bin/env node
/** The command line's process: `ndparallel <command> [options]`. */

import { run } from "./run.ts";

/** As of a program that ends because nobody reads what it prints. */
const BROKEN_PIPE = 141;

// As in `ndparallel history | head -3`.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(BROKEN_PIPE);
});

process.exitCode = await run(process.argv.slice(2));
