/** The scripts that functions were written in: what each imports, and where its text came from. Read once for each. */

import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { dirname, isAbsolute, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { SourcePlace } from "../errors.ts";
import { BoundedCache } from "./bounded-cache.ts";
import { type ImportBinding, readImports } from "./import-map.ts";
import { readPosition, readScript, type ScriptText } from "./inspector.ts";
import type { AnyFunction } from "./wire.ts";

export interface ScriptModule {
  /** The path of the script's file; undefined if it has none. */
  readonly path: string | undefined;
  /** Whether it is a part of Node. */
  readonly isNode: boolean;
  /** What each imported name stands for. */
  readonly imports: ReadonlyMap<string, ImportBinding>;
}

const modules = new BoundedCache<ScriptModule>(1000);
const sourceMaps = new BoundedCache<SourceMap | "none">(100);

/** The module that `fn` was written in; undefined if that cannot be told. */
export function moduleOf(fn: AnyFunction): ScriptModule | undefined {
  const position = readPosition(fn);
  if (!position) return undefined;
  let known = modules.get(position.scriptId);
  if (!known) {
    const script = readScript(position.scriptId);
    known = script ? readModule(script) : NO_MODULE;
    modules.set(position.scriptId, known);
  }
  return known;
}

const NO_MODULE: ScriptModule = { path: undefined, isNode: false, imports: new Map() };

function readModule({ url, text }: ScriptText): ScriptModule {
  return { path: pathOf(url), isNode: url.startsWith("node:"), imports: readImports(text) };
}

/** The place of `fn` in the file that somebody wrote, found through the script's source map if there is one. */
export function placeOf(fn: AnyFunction): SourcePlace | undefined {
  const position = readPosition(fn);
  const script = position && readScript(position.scriptId);
  if (!position || !script) return undefined;
  const path = pathOf(script.url);
  const map = sourceMapOf(position.scriptId, script, path);
  const entry = map?.findEntry(position.line, position.column);
  if (entry && "originalSource" in entry && entry.originalSource !== undefined) {
    const file = originalPath(entry.originalSource, path);
    return { file, line: entry.originalLine + 1, column: entry.originalColumn + 1 };
  }
  const file = path ?? script.url;
  return file === "" ? undefined : { file, line: position.line + 1, column: position.column + 1 };
}

/** A place as it is shown: the file relative to the working directory, if it lies in it. */
export function formatPlace({ file, line, column }: SourcePlace): string {
  const inside = relative(process.cwd(), file);
  const isInside = isAbsolute(file) && !inside.startsWith("..") && !isAbsolute(inside);
  return `${isInside ? inside : file}:${line}:${column}`;
}

function pathOf(url: string): string | undefined {
  // Some loaders add a query for their own use.
  const bare = url.replace(/\?[^/]*$/, "");
  try {
    if (bare.startsWith("file:")) return fileURLToPath(bare);
  } catch {
    return undefined;
  }
  return isAbsolute(bare) ? bare : undefined;
}

function sourceMapOf(scriptId: string, script: ScriptText, path: string | undefined): SourceMap | undefined {
  let map = sourceMaps.get(scriptId);
  if (map === undefined) {
    map = loadSourceMap(script, path) ?? "none";
    sourceMaps.set(scriptId, map);
  }
  return map === "none" ? undefined : map;
}

function loadSourceMap({ text, sourceMapUrl }: ScriptText, path: string | undefined): SourceMap | undefined {
  const address = sourceMapUrl || lastAddressIn(text);
  if (address === undefined) return undefined;
  try {
    const data = /^data:[^,]*?(;base64)?,(.*)$/s.exec(address);
    if (data)
      return parseMap(
        data[1] ? Buffer.from(data[2] as string, "base64").toString() : decodeURIComponent(data[2] as string),
      );
    const directory = path === undefined ? process.cwd() : dirname(path);
    return parseMap(
      readFileSync(address.startsWith("file:") ? fileURLToPath(address) : resolve(directory, address), "utf8"),
    );
  } catch {
    // A map that is missing or broken: the place in the text that was run has to do.
    return undefined;
  }
}

function lastAddressIn(text: string): string | undefined {
  const at = text.lastIndexOf("//# sourceMappingURL=");
  return at < 0 ? undefined : /\S+/.exec(text.slice(at + "//# sourceMappingURL=".length))?.[0];
}

function parseMap(json: string): SourceMap {
  const payload = JSON.parse(json) as ConstructorParameters<typeof SourceMap>[0];
  return new SourceMap(payload);
}

/** Sources in a map are relative to the script, absolute paths, or URLs. */
function originalPath(source: string, scriptPath: string | undefined): string {
  if (source.startsWith("file:")) return fileURLToPath(source);
  if (isAbsolute(source) || scriptPath === undefined) return source;
  try {
    return fileURLToPath(new URL(source, pathToFileURL(scriptPath)));
  } catch {
    return source;
  }
}
