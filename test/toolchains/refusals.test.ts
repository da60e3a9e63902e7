/** Functions that are refused: the message, with the place in the TypeScript file as it was written. */

import { expect, test } from "vitest";
import { compileWithTsc } from "./compile.ts";
import { expectNoProcesses, runProgram } from "./program.ts";
import { urlOrSkip } from "./tools.ts";
import { type Project, useWorkspace } from "./workspace.ts";

const workspace = useWorkspace();

/** A message for each case, under its name. */
async function refusalsOf(project: Project, command: readonly string[]): Promise<string> {
  const { code, output, lines } = await runProgram(project, command);
  expect(code, output).toBe(0);
  await expectNoProcesses(project);
  return lines.map(({ name, got }) => `${name}\n  ${got.replaceAll(project.folder, "")}`).join("\n");
}
test("tsx", async (context) => {
  const project = workspace.project("refusals tsx", "module");
  const command = ["node", "--import", urlOrSkip(context, "tsx"), project.file("src/main-refusals.ts")];
  expect(await refusalsOf(project, command)).toMatchInlineSnapshot(`
    "the this of the code around it
      SerializationError: fn cannot be sent: function "read" (src/refusals.ts:11:19) uses the this of the code around it; pass what it needs as an argument, or write it with "function"
    the arguments of the code around it
      SerializationError: fn cannot be sent: the function \`()=>arguments.length\` (src/refusals.ts:25:10) uses the arguments of the code around it; pass what it needs as an argument, or write it with "function"
    super without its class
      SerializationError: fn cannot be sent: function "describe" (src/refusals.ts:16:10) uses super, which needs the class around it; pass what it needs as an argument
    a private name without its class
      SerializationError: fn cannot be sent: function "shifted" (src/refusals.ts:19:3) uses the private name #offset, which only code inside its class may; make it a method of public data
    an instance with private fields
      SerializationError: fn cannot be sent: the function \`()=>square.area()\` (src/refusals.ts:58:56): captured variable "square" is an instance of class Square, which has private members (#side) that nobody outside can read; send plain data, or register the type with registerType
    an instance with private fields, deep inside
      SerializationError: fn cannot be sent: the function \`()=>holder.list[0]\` (src/refusals.ts:59:69): captured variable "holder" → .list → [0] → .square is an instance of class Square, which has private members (#side) that nobody outside can read; send plain data, or register the type with registerType
    a WeakMap
      SerializationError: fn cannot be sent: the function \`()=>seen.has(context)\` (src/refusals.ts:60:34): captured variable "seen" is a WeakMap, whose entries cannot be listed; send a Map
    a WeakMap, in a function that a function calls
      SerializationError: fn cannot be sent: function "outer" (src/refusals.ts:47:10): captured variable "inner" → variable "seen" is a WeakMap, whose entries cannot be listed; send a Map
    a Promise
      SerializationError: fn cannot be sent: the function \`()=>context.deep.pending\` (src/refusals.ts:62:34): captured variable "context" → .deep → .pending is a Promise; await it, and send what it resolves to
    a handle
      SerializationError: fn cannot be sent: the function \`()=>server.listening\` (src/refusals.ts:63:33): captured variable "server" is a server, which belongs to this process; open it inside the function, or send the data
    a generator that runs
      SerializationError: fn cannot be sent: the function \`()=>counting.next()\` (src/refusals.ts:64:46): captured variable "counting" is an iterator, which can be read only once; collect it in a list first, for example with Array.from
    a Proxy
      SerializationError: fn cannot be sent: the function \`()=>watched.rate\` (src/refusals.ts:65:32): captured variable "watched" is a Proxy, whose handler cannot be read; send the object behind it
    a Proxy of a function
      SerializationError: fn cannot be sent: the function \`()=>watchedFunction(1)\` (src/refusals.ts:66:46): captured variable "watchedFunction" is a Proxy of a function, whose handler cannot be read; send the function that it wraps
    a native function without a name
      SerializationError: fn cannot be sent: the function \`()=>settle(1)\` (src/refusals.ts:67:57): captured variable "settle" is a native function that has no name under which an engine finds it; import it inside the function, or call it here
    a symbol
      SerializationError: fn cannot be sent: the function \`()=>String(secret)\` (src/refusals.ts:68:33): captured variable "secret" is a symbol, which means nothing in another process; send a string
    an argument, at any depth
      SerializationError: args[0].list[0].fn cannot be sent: function "fn" (src/refusals.ts:71:63): captured variable "counting" is an iterator, which can be read only once; collect it in a list first, for example with Array.from"
  `);
});

test.for(["module", "commonjs"] as const)("tsc, source maps beside the files, %s", async (type, context) => {
  const project = workspace.project(`refusals tsc ${type}`, type);
  await compileWithTsc(context, project, "main-refusals", { target: "es2022", sourceMap: true });
  const found = await refusalsOf(project, ["node", project.file("out/main-refusals.js")]);
  expect(found).toMatchInlineSnapshot(`
    "the this of the code around it
      SerializationError: fn cannot be sent: function "read" (src/refusals.ts:11:19) uses the this of the code around it; pass what it needs as an argument, or write it with "function"
    the arguments of the code around it
      SerializationError: fn cannot be sent: the function \`() => arguments.length\` (src/refusals.ts:25:10) uses the arguments of the code around it; pass what it needs as an argument, or write it with "function"
    super without its class
      SerializationError: fn cannot be sent: function "describe" (src/refusals.ts:16:18) uses super, which needs the class around it; pass what it needs as an argument
    a private name without its class
      SerializationError: fn cannot be sent: function "shifted" (src/refusals.ts:19:10) uses the private name #offset, which only code inside its class may; make it a method of public data
    an instance with private fields
      SerializationError: fn cannot be sent: the function \`() => square.area()\` (src/refusals.ts:58:56): captured variable "square" is an instance of class Square, which has private members (#side) that nobody outside can read; send plain data, or register the type with registerType
    an instance with private fields, deep inside
      SerializationError: fn cannot be sent: the function \`() => holder.list[0]\` (src/refusals.ts:59:69): captured variable "holder" → .list → [0] → .square is an instance of class Square, which has private members (#side) that nobody outside can read; send plain data, or register the type with registerType
    a WeakMap
      SerializationError: fn cannot be sent: the function \`() => seen.has(context)\` (src/refusals.ts:60:34): captured variable "seen" is a WeakMap, whose entries cannot be listed; send a Map
    a WeakMap, in a function that a function calls
      SerializationError: fn cannot be sent: function "outer" (src/refusals.ts:47:15): captured variable "inner" → variable "seen" is a WeakMap, whose entries cannot be listed; send a Map
    a Promise
      SerializationError: fn cannot be sent: the function \`() => context.deep.pending\` (src/refusals.ts:62:34): captured variable "context" → .deep → .pending is a Promise; await it, and send what it resolves to
    a handle
      SerializationError: fn cannot be sent: the function \`() => server.listening\` (src/refusals.ts:63:33): captured variable "server" is a server, which belongs to this process; open it inside the function, or send the data
    a generator that runs
      SerializationError: fn cannot be sent: the function \`() => counting.next()\` (src/refusals.ts:64:46): captured variable "counting" is an iterator, which can be read only once; collect it in a list first, for example with Array.from
    a Proxy
      SerializationError: fn cannot be sent: the function \`() => watched.rate\` (src/refusals.ts:65:32): captured variable "watched" is a Proxy, whose handler cannot be read; send the object behind it
    a Proxy of a function
      SerializationError: fn cannot be sent: the function \`() => watchedFunction(1)\` (src/refusals.ts:66:46): captured variable "watchedFunction" is a Proxy of a function, whose handler cannot be read; send the function that it wraps
    a native function without a name
      SerializationError: fn cannot be sent: the function \`() => settle(1)\` (src/refusals.ts:67:57): captured variable "settle" is a native function that has no name under which an engine finds it; import it inside the function, or call it here
    a symbol
      SerializationError: fn cannot be sent: the function \`() => String(secret)\` (src/refusals.ts:68:33): captured variable "secret" is a symbol, which means nothing in another process; send a string
    an argument, at any depth
      SerializationError: args[0].list[0].fn cannot be sent: function "fn" (src/refusals.ts:71:63): captured variable "counting" is an iterator, which can be read only once; collect it in a list first, for example with Array.from"
  `);
});
