/** Who ran what when: as data, as a picture, and for the viewers that read Chrome's trace format. */

import { writeFile } from "node:fs/promises";
import type { TaskRecord } from "./task-records.ts";

/** One task on its engine. */
export interface TimelineSpan {
  readonly msgId: string;
  readonly engineId: number;
  readonly label: string | undefined;
  readonly status: "ok" | "error" | "aborted";
  readonly submitted: Date;
  readonly started: Date;
  readonly completed: Date;
}

/** What a timeline needs of the hub's records. */
export const TIMELINE_KEYS = ["engineId", "label", "status", "submitted", "started", "completed"] as const;

/** The records of tasks that ran. */
export function spansOf(records: readonly TaskRecord[]): TimelineSpan[] {
  return records.flatMap(({ msgId, engineId, label, status, submitted, started, completed }) => {
    if (!submitted || !started || !completed || !status || engineId === undefined) return [];
    return [{ msgId, engineId, label: label ?? undefined, status, submitted, started, completed }];
  });
}

const ROW_HEIGHT = 18;
const LEFT = 90;
const TOP = 24;
const COLOURS = { ok: "#4c78a8", error: "#e45756", aborted: "#b0b0b0" } as const;

/**
 * What the hub remembers of tasks that ran, by time of start.
 *
 * @example
 * ```ts no-run
 * const timeline = await rc.timeline();
 * await timeline.write("run.svg"); // a picture
 * await timeline.write("run.json"); // for chrome://tracing or https://ui.perfetto.dev
 * ```
 */
export class Timeline {
  readonly spans: readonly TimelineSpan[];

  constructor(spans: readonly TimelineSpan[]) {
    this.spans = spans.toSorted((a, b) => a.started.getTime() - b.started.getTime());
  }

  /** The engines that ran something, ascending. */
  get engineIds(): number[] {
    return [...new Set(this.spans.map(({ engineId }) => engineId))].sort((a, b) => a - b);
  }

  /**
   * Writes a file: a picture for a name that ends in `.svg`, a Chrome trace for `.json`.
   * @throws TypeError for another name.
   */
  async write(path: string): Promise<void> {
    if (path.endsWith(".svg")) await writeFile(path, this.toSVG());
    else if (path.endsWith(".json")) await writeFile(path, `${JSON.stringify(this.toChromeTrace())}\n`);
    else throw new TypeError(`a timeline is written as .svg or .json; given: ${path}`);
  }

  /** A bar for each task, a row or more for each engine, time from left to right. */
  toSVG(width: number = 1_000): string {
    const rows = this.#rows();
    const begin = Math.min(...this.spans.map(({ started }) => started.getTime()));
    const end = Math.max(...this.spans.map(({ completed }) => completed.getTime()));
    const scale = (width - LEFT - 10) / Math.max(1, end - begin);
    const height = TOP + rows.length * ROW_HEIGHT + 10;
    const parts = rows.flatMap(({ name, spans }, row) => {
      const y = TOP + row * ROW_HEIGHT;
      return [
        `<text x="4" y="${y + 12}">${escapeText(name)}</text>`,
        ...spans.map((span) => bar(span, LEFT + (span.started.getTime() - begin) * scale, y, scale)),
      ];
    });
    const title = this.spans.length === 0 ? "no tasks" : `${this.spans.length} tasks in ${end - begin} ms`;
    return [
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="11">`,
      `<text x="${LEFT}" y="14">${title}</text>`,
      ...parts,
      "</svg>\n",
    ].join("\n");
  }

  /** Complete events, in microseconds; a process for the cluster, a thread for each row. */
  toChromeTrace(): { traceEvents: Record<string, unknown>[] } {
    const traceEvents = this.#rows().flatMap(({ name, spans }, tid) => [
      { name: "thread_name", ph: "M", pid: 1, tid, args: { name } },
      ...spans.map(({ msgId, label, status, submitted, started, completed }) => ({
        name: label ?? msgId,
        cat: status,
        ph: "X",
        pid: 1,
        tid,
        ts: started.getTime() * 1_000,
        dur: (completed.getTime() - started.getTime()) * 1_000,
        args: { msgId, status, waited: started.getTime() - submitted.getTime() },
      })),
    ]);
    return { traceEvents };
  }

  /** Tasks that ran at the same time on one engine lie in different rows. */
  #rows(): { readonly name: string; readonly spans: TimelineSpan[] }[] {
    return this.engineIds.flatMap((engineId) => {
      const rows: { name: string; spans: TimelineSpan[]; end: number }[] = [];
      for (const span of this.spans) {
        if (span.engineId !== engineId) continue;
        let row = rows.find(({ end }) => end <= span.started.getTime());
        if (row === undefined) {
          row = { name: rows.length === 0 ? `engine ${engineId}` : "", spans: [], end: 0 };
          rows.push(row);
        }
        row.spans.push(span);
        row.end = span.completed.getTime();
      }
      return rows;
    });
  }
}

function bar({ msgId, label, status, started, completed }: TimelineSpan, x: number, y: number, scale: number): string {
  const duration = completed.getTime() - started.getTime();
  const width = Math.max(0.5, duration * scale);
  const title = `${label ?? msgId}: ${duration} ms, ${status}`;
  return (
    `<rect x="${x.toFixed(2)}" y="${y + 1}" width="${width.toFixed(2)}" height="${ROW_HEIGHT - 3}" ` +
    `fill="${COLOURS[status]}"><title>${escapeText(title)}</title></rect>`
  );
}

function escapeText(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
