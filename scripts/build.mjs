// Compiles src/ into dist/. Files in dist/ whose source is gone are removed first, one by one, so that a cluster
// that runs from dist/ at the same time is not disturbed. With a type error nothing is written: what lies in dist/
// always comes from source that compiles.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";

const root = path.dirname(import.meta.dirname);
const source = path.join(root, "src");
const output = path.join(root, "dist");

removeStale();
const compiler = path.join(root, "node_modules", "typescript", "bin", "tsc");
const { status } = spawnSync(process.execPath, [compiler, "-p", "tsconfig.build.json", "--noEmitOnError"], {
  cwd: root,
  stdio: ["ignore", "inherit", "inherit"],
});
process.exit(status ?? 1);

/** Removes every file of dist/ that no file of src/ stands behind. */
function removeStale() {
  if (!existsSync(output)) return;
  for (const name of readdirSync(output, { recursive: true, encoding: "utf8" })) {
    const stem = name.replace(/(\.d\.ts|\.js)(\.map)?$/, "");
    if (stem !== name && !existsSync(path.join(source, `${stem}.ts`))) rmSync(path.join(output, name), { force: true });
  }
}
