/**
 * Columns of numbers as bytes, without loss, each in as few bytes as its numbers need: those of a run are mostly whole, and
 * near one another.
 *
 * ```
 * a column: 1 byte, its form   all the same    8 bytes, the number
 *                              in turn         8 bytes, the first; each is one more than the one before it
 *                              near the least  8 bytes, the least; 1, 2 or 4 bytes each, how much more
 *                              single, double  4 or 8 bytes each
 * ```
 */

const SAME = 0;
const IN_TURN = 1;
const NEAR_1 = 2;
const NEAR_2 = 3;
const NEAR_4 = 4;
const SINGLE = 5;
const DOUBLE = 6;

/** Bytes of each number, by form. */
const WIDTHS: readonly number[] = [0, 0, 1, 2, 4, 4, 8];
const HAS_BASE = SINGLE;

interface Plan {
  readonly form: number;
  readonly base: number;
}

/** The columns, all of the same length, one after another. */
export function writeColumns(columns: readonly ArrayLike<number>[]): Uint8Array {
  const plans = columns.map(planOf);
  const size = plans.reduce(
    (sum, plan, at) => sum + byteLength(plan.form, (columns[at] as ArrayLike<number>).length),
    0,
  );
  const bytes = Buffer.allocUnsafe(size);
  let end = 0;
  for (const [at, plan] of plans.entries()) end = writeColumn(bytes, end, columns[at] as ArrayLike<number>, plan);
  return bytes;
}

/** As many columns of `count` numbers each. @throws TypeError for what is something else */
export function readColumns(bytes: Uint8Array, columnCount: number, count: number): Float64Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const columns: Float64Array[] = [];
  let end = 0;
  while (columns.length < columnCount) {
    const form = end < bytes.byteLength ? view.getUint8(end) : DOUBLE + 1;
    const start = end;
    end += byteLength(form, count);
    if (!(end <= bytes.byteLength)) throw new TypeError("columns that do not add up");
    columns.push(readColumn(view, start + 1, form, count));
  }
  if (end !== bytes.byteLength) throw new TypeError("columns that do not add up");
  return columns;
}

function byteLength(form: number, count: number): number {
  return 1 + (form < HAS_BASE ? 8 : 0) + (WIDTHS[form] ?? Number.NaN) * count;
}

function planOf(values: ArrayLike<number>): Plan {
  const first = values.length > 0 ? (values[0] as number) : 0;
  let [least, most] = [first, first];
  let [isWhole, isInTurn, isSingle] = [true, true, true];
  for (let at = 0; at < values.length; at++) {
    const value = values[at] as number;
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) isWhole = false;
    if (value !== first + at) isInTurn = false;
    if (Math.fround(value) !== value) isSingle = false;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  if (isWhole && least === most) return { form: SAME, base: least };
  if (isWhole && isInTurn) return { form: IN_TURN, base: first };
  const range = isWhole ? most - least : Number.POSITIVE_INFINITY;
  if (range < 2 ** 8) return { form: NEAR_1, base: least };
  if (range < 2 ** 16) return { form: NEAR_2, base: least };
  if (range < 2 ** 32) return { form: NEAR_4, base: least };
  return { form: isSingle ? SINGLE : DOUBLE, base: 0 };
}

/** Gives where it ends. */
function writeColumn(bytes: Buffer, start: number, values: ArrayLike<number>, { form, base }: Plan): number {
  let end = bytes.writeUInt8(form, start);
  if (form < HAS_BASE) end = bytes.writeDoubleLE(base, end);
  const width = WIDTHS[form] as number;
  if (width === 0) return end;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < values.length; at++, end += width) {
    const value = values[at] as number;
    if (form === NEAR_1) bytes[end] = value - base;
    else if (form === NEAR_2) view.setUint16(end, value - base, true);
    else if (form === NEAR_4) view.setUint32(end, value - base, true);
    else if (form === SINGLE) view.setFloat32(end, value, true);
    else view.setFloat64(end, value, true);
  }
  return end;
}

function readColumn(view: DataView, start: number, form: number, count: number): Float64Array {
  const values = new Float64Array(count);
  const base = form < HAS_BASE ? view.getFloat64(start, true) : 0;
  if (form === SAME) return values.fill(base);
  const width = WIDTHS[form] as number;
  let from = form < HAS_BASE ? start + 8 : start;
  for (let at = 0; at < count; at++, from += width) {
    if (form === IN_TURN) values[at] = base + at;
    else if (form === NEAR_1) values[at] = base + view.getUint8(from);
    else if (form === NEAR_2) values[at] = base + view.getUint16(from, true);
    else if (form === NEAR_4) values[at] = base + view.getUint32(from, true);
    else if (form === SINGLE) values[at] = view.getFloat32(from, true);
    else values[at] = view.getFloat64(from, true);
  }
  return values;
}
