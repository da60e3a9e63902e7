// `npm run quickstart`: from a fresh clone to a running example. Installs and builds only what is missing, then runs
// the first example; arguments are passed on to it, and its exit code becomes this program's.
import { spawn } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const oldestNode = [20, 19];
const example = "examples/01-digits.ts";
const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

checkNode();
if (!existsSync(path.join(root, "node_modules", ".package-lock.json"))) {
  console.log("Installing the dependencies (npm ci) ...");
  await runOrExit("npm", ["ci", "--loglevel=error"], {
    stdio: ["ignore", "ignore", "inherit"],
    shell: process.platform === "win32",
  });
}
if (!isBuilt()) {
  console.log("Building dist/ ...");
  await runOrExit(process.execPath, ["scripts/build.mjs"]);
}
await runOrExit(process.execPath, ["--import", "tsx", example, ...process.argv.slice(2)], { stdio: "inherit" });

/** Node says its version as "20.19.1"; older ones than the library supports stop here, with a sentence. */
function checkNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1])) return;
  console.error(`ndparallel needs Node ${oldestNode.join(".")} or later; this is Node ${process.versions.node}.`);
  process.exit(1);
}

/** True if dist/ is at least as new as everything it is made from. */
function isBuilt() {
  const built = path.join(root, "dist", "index.js");
  if (!existsSync(built)) return false;
  const sources = readdirSync(path.join(root, "src"), { recursive: true, encoding: "utf8" });
  const made = [...sources.map((name) => path.join("src", name)), "tsconfig.json", "tsconfig.build.json"];
  return made.every((name) => statSync(path.join(root, name)).mtimeMs <= statSync(built).mtimeMs);
}

/**
 * Runs a program in the project's folder; ends this one with the same exit code where that is not 0. An interrupt from
 * the terminal reaches both, so this one only waits; a SIGTERM sent to this one is passed on.
 */
function runOrExit(command, args, options = {}) {
  const child = spawn(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"], ...options });
  const passOn = () => child.kill("SIGTERM");
  const wait = () => {};
  process.on("SIGTERM", passOn).on("SIGINT", wait).on("SIGHUP", wait);
  return new Promise((resolve) => {
    child.on("error", (error) => {
      console.error(`Could not run ${command}: ${error.message}`);
      process.exit(1);
    });
    child.on("exit", (code) => {
      process.off("SIGTERM", passOn).off("SIGINT", wait).off("SIGHUP", wait);
      if (code !== 0) process.exit(code ?? 1);
      resolve();
    });
  });
}
