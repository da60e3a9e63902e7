/** How the tests run: plain processes, two at a time, against a build of dist/ made once before them. */
import path from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const report = process.env["NDPARALLEL_TEST_REPORT"];
const root = path.dirname(fileURLToPath(import.meta.url));

/** Files of dist/, which Node loads as they are: functions in them must be what a user's program sees. */
const built = new RegExp(`^${path.join(root, "dist").replaceAll(/[^\w/]/g, "\\$&")}/`);

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/toolchains/**", "test/tensors/**"], // npm run test:toolchains, npm run test:tensors
    pool: "forks",
    maxWorkers: 2,
    // Many times what the slowest test takes: a busy machine must not fail a correct program.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    globalSetup: "test/global-setup.ts",
    reporters: report === undefined ? ["default"] : ["default", ["json", { outputFile: report }]],
    server: { deps: { external: [built] } },
  },
});
