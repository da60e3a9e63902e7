#!/usr/bin/env node
/** The command line's process: `ndparallel <command> [options]`. */

import { run } from "./run.ts";

process.exitCode = await run(process.argv.slice(2));
