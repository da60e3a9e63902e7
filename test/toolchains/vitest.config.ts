/** As the other tests, but each test starts programs that compile, start a cluster and run all the cases. */
import path from "node:path";
import { defineConfig } from "vitest/config";
import base from "../../vitest.config.ts";

export default defineConfig({
  root: path.join(import.meta.dirname, "..", ".."),
  test: {
    ...base.test,
    include: ["test/toolchains/*.test.ts"],
    exclude: [],
    testTimeout: 240_000,
    hookTimeout: 60_000,
  },
});
