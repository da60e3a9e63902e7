// `npm run ok`: every check there is, with the time each took and a plain list of what failed. What reads the source and
// the package only runs two at a time, while what the tests of tensors and toolchains need is installed; then come the
// tests, one kind after another. `npm run ok -- lint tests` runs only the steps named. With NDPARALLEL_TESTED=1 what
// `npm test` does is passed over, because it has just been done: the build, the tests, and those of types.
import { spawn } from "node:child_process";
import path from "node:path";

const root = path.dirname(import.meta.dirname);

/** Name of the step, and the npm script behind it. The build comes first: the later steps read dist/. */
const steps = new Map([
  ["build", "build"],
  ["docs", "docs"], // the longest of those that run beside one another
  ["types", "types"],
  ["type tests", "test:types"],
  ["lint", "lint"],
  ["exports", "check:exports"],
  ["unused", "check:unused"],
  ["publint", "check:publint"],
  ["size", "check:size"],
  ["tests", "test:run"],
  ["tensors", "test:tensors"],
  ["toolchains", "test:toolchains"],
]);
const justDone = process.env.NDPARALLEL_TESTED === "1" ? ["build", "tests", "type tests"] : [];
const tests = ["tests", "tensors", "toolchains"];

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !steps.has(name));
if (unknown.length > 0) {
  console.error(`No step called ${unknown.join(", ")}. The steps are: ${[...steps.keys()].join(", ")}.`);
  process.exit(1);
}
const chosen = [...steps.keys()].filter((name) => wanted.length === 0 || wanted.includes(name));
const passedOver = chosen.filter((name) => justDone.includes(name));
const due = chosen.filter((name) => !justDone.includes(name));
if (passedOver.length > 0) console.log(`passed over, because npm test has just done it: ${passedOver.join(", ")}`);

const results = [];
/** Whether it has been tried to install what tests need. */
let isTried = false;
if (!due.includes("build") || (await run("build"))) {
  const installing = due.filter((name) => name === "tensors" || name === "toolchains").map(install);
  const waiting = due.filter((name) => name !== "build" && !tests.includes(name));
  const worker = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) await run(name, true);
  };
  await Promise.all([worker(), worker(), ...installing]);
  isTried = true;
  for (const name of due.filter((name) => tests.includes(name))) await run(name);
}

console.log("");
for (const { name, passed, seconds } of results) {
  console.log(`${passed ? "ok    " : "FAILED"} ${name.padEnd(16)} ${seconds.toFixed(1).padStart(7)} s`);
}
const failed = results.filter(({ passed }) => !passed).map(({ name }) => name);
console.log(failed.length === 0 ? "\nEverything is ok." : `\nFAILED: ${failed.join(", ")}`);
process.exitCode = failed.length === 0 ? 0 : 1;

/** Runs a step. What one that runs beside another prints is shown when it has ended. */
async function run(name, isBesideAnother = false) {
  const heading = `\n── ${name} ──`;
  if (!isBesideAnother) console.log(heading);
  const started = performance.now();
  const { passed, output } = await spawned(`npm run --silent ${steps.get(name)}`, isBesideAnother ? "pipe" : "inherit");
  if (isBesideAnother) console.log(`${heading}\n${output.trimEnd()}`);
  results.push({ name, passed, seconds: (performance.now() - started) / 1000 });
  return passed;
}

/** Installs what tests need; if that fails, they say so themselves. */
async function install(name) {
  const { output } = await spawned(`node scripts/test-apart.mjs ${name} --install`, "pipe");
  if (output !== "") console.log(`\n── ${name}: what they need ──\n${output.trimEnd()}`);
}

function spawned(command, out) {
  const isBuilt = due.includes("build") || justDone.length > 0;
  const env = {
    ...process.env,
    NDPARALLEL_SKIP_BUILD: isBuilt ? "1" : "",
    NDPARALLEL_SKIP_INSTALL: isTried ? "1" : "",
  };
  const child = spawn(command, { cwd: root, shell: true, stdio: ["ignore", out, out], env });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
  }
  return new Promise((resolve) => {
    child.on("error", (error) => resolve({ passed: false, output: error.message }));
    child.on("close", (code) => resolve({ passed: code === 0, output }));
  });
}
