/** Tables and JSON for the terminal. */

/** Rows under headings, in columns; numbers on the right. */
export function table(headings: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => String(row[column]).length)),
  );
  const line = (row: readonly (string | number)[]): string => {
    const cells = row.map((cell, column) => {
      const width = widths[column] as number;
      return typeof cell === "number" ? String(cell).padStart(width) : cell.padEnd(width);
    });
    return cells.join("  ").trimEnd();
  };
  return `${[headings, ...rows].map(line).join("\n")}\n`;
}

export function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

/** Bytes as MiB; `-` when they are not known. */
export function megabytes(bytes: number | undefined): string {
  return bytes === undefined ? "-" : `${Math.round(bytes / 2 ** 20)} MiB`;
}

/** How long ago, e.g. `3 min`. */
export function age(date: Date, now: number = Date.now()): string {
  const seconds = Math.max(0, Math.round((now - date.getTime()) / 1000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
