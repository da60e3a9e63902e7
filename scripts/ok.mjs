// `npm run ok`: every check there is, one after another, with the time each took and a plain list of what failed.
// `npm run ok -- lint tests` runs only the steps named. With NDPARALLEL_TESTED=1 the tests are passed over that `npm test`
// runs, because they have just been run.
import { spawnSync } from "node:child_process";
import path from "node:path";

const root = path.dirname(import.meta.dirname);

/** Name of the step, and the npm script behind it. The build comes first: the later steps read dist/. */
const steps = new Map([
  ["build", "build"],
  ["types", "types"],
  ["type tests", "test:types"],
  ["lint", "lint"],
  ["tests", "test:run"],
  ["tensors", "test:tensors"],
  ["toolchains", "test:toolchains"],
  ["publint", "check:publint"],
  ["exports", "check:exports"],
  ["unused", "check:unused"],
  ["size", "check:size"],
  ["docs", "docs"],
]);

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !steps.has(name));
if (unknown.length > 0) {
  console.error(`No step called ${unknown.join(", ")}. The steps are: ${[...steps.keys()].join(", ")}.`);
  process.exit(1);
}

const results = [];
for (const [name, script] of steps) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.log(`\n── ${name} ──`);
  if (process.env.NDPARALLEL_TESTED === "1" && (name === "tests" || name === "type tests")) {
    console.log("passed over: NDPARALLEL_TESTED says that they have just been run");
    continue;
  }
  const passed = run(name, script);
  if (name === "build" && !passed) break;
}

console.log("");
for (const { name, passed, seconds } of results) {
  console.log(`${passed ? "ok    " : "FAILED"} ${name.padEnd(16)} ${seconds.toFixed(1).padStart(7)} s`);
}
const failed = results.filter(({ passed }) => !passed).map(({ name }) => name);
console.log(failed.length === 0 ? "\nEverything is ok." : `\nFAILED: ${failed.join(", ")}`);
process.exitCode = failed.length === 0 ? 0 : 1;

function run(name, script) {
  const started = performance.now();
  const { status } = spawnSync(`npm run --silent ${script}`, {
    cwd: root,
    shell: true,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, NDPARALLEL_SKIP_BUILD: results.length > 0 ? "1" : "" }, // built by the first step
  });
  const passed = status === 0;
  results.push({ name, passed, seconds: (performance.now() - started) / 1000 });
  return passed;
}
