/**
 * The snippets of README.md and docs/: every block marked `ts` that imports from "ndparallel" runs to a good end, every
 * other block marked `ts`, and every one marked `ts no-run`, is at least TypeScript without syntax errors.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { root, runTypeScript } from "./run-typescript.ts";

const timeoutMs = 120_000;

/** A fenced block of a page: where its first line stands, and whether a reader may run it as it is. */
interface Snippet {
  page: string;
  line: number;
  text: string;
  runs: boolean;
}

const pages = ["README.md", ...pagesUnder("docs")].filter((page) => existsSync(path.join(root, page)));
const snippets = pages.flatMap((page) => snippetsOf(page, readFileSync(path.join(root, page), "utf8")));

describe("the snippets of the pages", () => {
  // Inside the project, so that "ndparallel" is this package; the folder tells git to ignore it.
  const parent = path.join(root, "test", ".tmp");
  let folder = "";
  beforeAll(() => {
    mkdirSync(parent, { recursive: true });
    writeFileSync(path.join(parent, ".gitignore"), "*\n");
    folder = mkdtempSync(path.join(parent, "docs-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("are found with their lines, and which of them run", () => {
    const text = [
      "# Title",
      "```ts",
      'import { Cluster } from "ndparallel";',
      "```",
      "- in a list:",
      "  ```ts no-run",
      '  import { Client } from "ndparallel";',
      "  ```",
      "```sh",
      "npm ci",
      "```",
      "```ts",
      "view.apply(f)",
      "```",
    ].join("\n");
    expect(snippetsOf("page.md", text)).toEqual([
      { page: "page.md", line: 3, text: 'import { Cluster } from "ndparallel";', runs: true },
      { page: "page.md", line: 7, text: 'import { Client } from "ndparallel";', runs: false },
      { page: "page.md", line: 13, text: "view.apply(f)", runs: false },
    ]);
  });

  it("are all found: none marked ts is left out", () => {
    const fences = pages.map((page) => readFileSync(path.join(root, page), "utf8").match(/^\s*```ts\b/gm)?.length ?? 0);
    expect(snippets).toHaveLength(fences.reduce((sum, count) => sum + count, 0));
  });

  for (const snippet of snippets) {
    const name = `${snippet.page}:${snippet.line}`;
    if (snippet.runs) {
      it(`${name} runs`, { timeout: timeoutMs + 5_000 }, async () => {
        const file = path.join(folder, `${name.replaceAll(/\W/g, "-")}.ts`);
        writeFileSync(file, "\n".repeat(snippet.line - 1) + snippet.text); // line numbers in errors are the page's
        const end = await runTypeScript(file, timeoutMs);
        expect(end, end.output).toMatchObject({ code: 0, signal: null });
      });
    } else {
      it(`${name} is TypeScript`, () => expect(syntaxErrors(snippet.text)).toEqual([]));
    }
  }
});

/** The Markdown pages under a folder; docs/api is generated. */
function pagesUnder(folder: string): string[] {
  if (!existsSync(path.join(root, folder))) return [];
  const names = readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" });
  return names
    .filter((name) => name.endsWith(".md") && name.split(path.sep)[0] !== "api")
    .map((name) => path.join(folder, name))
    .sort();
}

function snippetsOf(page: string, markdown: string): Snippet[] {
  const fence = /^([ \t]*)```ts\b(.*)\n([\s\S]*?)^\1```[ \t]*$/gm;
  return [...markdown.matchAll(fence)].map((match) => {
    const [, indent = "", words = "", body = ""] = match;
    const text = body.replaceAll(new RegExp(`^${indent}`, "gm"), "").trimEnd();
    const imports = /^import\b[^;]*?["']ndparallel(\/[^"']*)?["']/m.test(text);
    const line = markdown.slice(0, match.index).split("\n").length + 1;
    return { page, line, text, runs: imports && !words.includes("no-run") };
  });
}

function syntaxErrors(text: string): string[] {
  const compilerOptions = { target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext };
  const { diagnostics = [] } = ts.transpileModule(text, { reportDiagnostics: true, compilerOptions });
  return diagnostics.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
}
