// Tests that need what is too large to be a dependency of the project: it is installed from a package of its own, with
// its own lock file, unless it is there. What cannot be installed is said, and the tests that need it are skipped.
//
//   npm run test:toolchains   functions under compilers, loaders and versions of Node (test/toolchains)
//   npm run test:tensors      tensors with TensorFlow.js, also on WebGPU in software (test/tensors)
//
// Arguments are passed on to vitest: `npm run test:toolchains -- vitest`. `node scripts/test-apart.mjs tensors --install`
// only installs; with NDPARALLEL_SKIP_INSTALL=1 nothing is installed, because that has been tried.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

const root = path.dirname(import.meta.dirname);
/** The folder of the package with what is needed, by the folder of the tests. */
const packages = new Map([
  ["toolchains", "test/toolchains"],
  ["tensors", "test/tensors/libraries"],
]);

const [name, ...filters] = process.argv.slice(2);
const place = packages.get(name);
if (place === undefined) {
  console.error(`Which tests? One of: ${[...packages.keys()].join(", ")}.`);
  process.exit(1);
}
const folder = path.join(root, place);
const marker = path.join(folder, "node_modules", ".installed");
const lock = readFileSync(path.join(folder, "package-lock.json"));
const state = createHash("sha256").update(lock).update(`${process.platform} ${process.arch}`).digest("hex");

const isInstalled = existsSync(marker) && readFileSync(marker, "utf8") === state;
if (!isInstalled && process.env.NDPARALLEL_SKIP_INSTALL !== "1") install();
process.exit(filters[0] === "--install" ? 0 : runTests());

function install() {
  const started = performance.now();
  console.log(`Installing ${place}/package.json ...`);
  // Their binaries are in the packages, so none of them needs a script at installation.
  const { status, stderr, error } = spawnSync("npm", ["ci", "--ignore-scripts", "--loglevel=error"], {
    cwd: folder,
    encoding: "utf8",
    shell: process.platform === "win32",
    stdio: ["ignore", "ignore", "pipe"],
  });
  const missing = missingPackages();
  if (status === 0 && missing.length === 0) {
    writeFileSync(marker, state);
    console.log(`Installed in ${((performance.now() - started) / 1000).toFixed(0)} s.`);
    return;
  }
  const reason = error?.message ?? (stderr.trim() || "npm gave no reason");
  console.warn(`Not installed: ${missing.join(", ")}.\n${reason}\nThe tests that need them are skipped.`);
}

/** Packages for this platform that are not there; npm passes over optional ones that it cannot get. */
function missingPackages() {
  const { dependencies, optionalDependencies = {} } = JSON.parse(
    readFileSync(path.join(folder, "package.json"), "utf8"),
  );
  const platform = `-${process.platform}-${process.arch}`;
  const wanted = [
    ...Object.keys(dependencies),
    ...Object.keys(optionalDependencies).filter((name) => name.endsWith(platform)),
  ];
  return wanted.filter((name) => !existsSync(path.join(folder, "node_modules", name, "package.json")));
}

/** The report, if one is asked for, goes beside that of the other tests. */
function runTests() {
  const report = process.env.NDPARALLEL_TEST_REPORT;
  const env = { ...process.env };
  if (report) env.NDPARALLEL_TEST_REPORT = path.join(path.dirname(report), `${name}.json`);
  const vitest = path.join(root, "node_modules", "vitest", "vitest.mjs");
  const { status } = spawnSync(
    process.execPath,
    [vitest, "run", "--config", `test/${name}/vitest.config.ts`, ...filters],
    {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
      env,
    },
  );
  return status ?? 1;
}
