/** As the other tests; the libraries lie in a package of their own. */
import path from "node:path";
import { defineConfig } from "vitest/config";
import base from "../../vitest.config.ts";

export default defineConfig({
  root: path.join(import.meta.dirname, "..", ".."),
  test: { ...base.test, include: ["test/tensors/*.test.ts"], exclude: [] },
});
