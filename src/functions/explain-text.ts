/** An explanation as a table that people read. */

import type { ExplainedName, Explanation } from "./explanation.ts";
import { formatPlace } from "./scripts.ts";

/** The longest description that is shown in full. */
const WIDEST = 60;

type Row = readonly [name: string, travelsAs: string, bytes: string, what: string];

export function formatExplanation(explanation: Omit<Explanation, "toString">): string {
  const { label, place, bytes, refusal, codeBytes, names } = explanation;
  const where = place ? ` (${formatPlace(place)})` : "";
  const verdict = bytes === undefined ? "cannot be sent" : `${formatBytes(bytes)} would be sent`;
  const rows: Row[] = [["(text)", "value", formatBytes(codeBytes), ""], ...names.flatMap((name) => rowsOf(name, 0))];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => (row[column] as string).length)));
  const lines = rows.map(([name, travelsAs, size, what]) =>
    `  ${name.padEnd(widths[0] as number)}  ${travelsAs.padEnd(widths[1] as number)}  ${size.padStart(widths[2] as number)}  ${shorten(what)}`.trimEnd(),
  );
  return [`${label}${where}: ${verdict}`, ...lines, ...(refusal ? [refusal.message] : [])].join("\n");
}

function rowsOf({ name, travelsAs, bytes, what, names }: ExplainedName, depth: number): Row[] {
  const size = travelsAs === "value" ? formatBytes(bytes) : "";
  const row: Row = [`${"  ".repeat(depth)}${name}`, travelsAs, size, what];
  return [row, ...names.flatMap((inner) => rowsOf(inner, depth + 1))];
}

function shorten(text: string): string {
  return text.length > WIDEST ? `${text.slice(0, WIDEST - 1)}…` : text;
}

function formatBytes(bytes: number): string {
  if (bytes < 10_000) return `${bytes} B`;
  return bytes < 10_000_000 ? `${Math.round(bytes / 1000)} kB` : `${Math.round(bytes / 1e6)} MB`;
}
