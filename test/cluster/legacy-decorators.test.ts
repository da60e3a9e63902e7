/** The decorators as legacy ones (`experimentalDecorators`), in a program of its own that is compiled so. */

import { join } from "node:path";
import { expect, test } from "vitest";
import { runTypeScript } from "../run-typescript.ts";

const folder = join(import.meta.dirname, "fixtures", "legacy");

test("methods of a program that is compiled with experimentalDecorators run on the engines", async () => {
  const env = { TSX_TSCONFIG_PATH: join(folder, "tsconfig.json") };
  const { code, output } = await runTypeScript(join(folder, "program.ts"), 120_000, env);
  expect(code, output).toBe(0);
  expect(JSON.parse(output)).toEqual({
    // A legacy decorator gets the name of the method, a standard one an object.
    context: "string",
    loss: [6, 6],
    doubled: [2, 4, 6],
    where: 11,
    blocking: [true, -4],
    onCurrent: 1,
    signature: ["loss", 1],
    mapped: [1, 20],
    local: 2,
    property: false,
    higherOrder: [2, 2],
    field: expect.stringMatching(/TypeError: @remote on field: .*only methods.*field = remote\(view\)/),
  });
});
