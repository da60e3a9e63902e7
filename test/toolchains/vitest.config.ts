/** As the other tests, but each test starts programs that compile, start a cluster and run all the cases. */
import path from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import base from "../../vitest.config.ts";

/** The files that run the tests of others, and so take longest, come first: nothing is then left to wait for at the end. */
const first = ["arrays.test.ts", "node.test.ts"];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isFirst = ({ moduleId }: TestSpecification): boolean => first.includes(path.basename(moduleId));
    const sorted = await super.sort(files);
    return [...sorted.filter(isFirst), ...sorted.filter((file) => !isFirst(file))];
  }
}

export default defineConfig({
  root: path.join(import.meta.dirname, "..", ".."),
  test: {
    ...base.test,
    include: ["test/toolchains/*.test.ts"],
    exclude: [],
    sequence: { sequencer: LongestFirst },
    testTimeout: 600_000,
    hookTimeout: 180_000,
  },
});
