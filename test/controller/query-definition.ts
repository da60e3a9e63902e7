/** For tests: what a question to the task database means, as plainly as it can be said. */

type Row = Readonly<Record<string, unknown>>;

/** Whether a record, given by its keys, matches. What is not known is `null`; a list is asked for as such or for its members. */
export function matches(row: Row, query: Row): boolean {
  return Object.entries(query).every(([key, asked]) => {
    const value = row[key] ?? null;
    const isOperators = typeof asked === "object" && asked !== null && !Array.isArray(asked);
    const conditions = isOperators ? Object.entries(asked) : [["$eq", asked] as const];
    return conditions.every(([operator, operand]) => holds(operator, value, operand));
  });
}

function holds(operator: string, value: unknown, operand: unknown): boolean {
  const same = (one: unknown): boolean =>
    JSON.stringify(value) === JSON.stringify(one) || (Array.isArray(value) && value.includes(one));
  const list = operand as readonly unknown[];
  const isOrdered = typeof value === typeof operand && (typeof value === "number" || typeof value === "string");
  const [a, b] = [value as number, operand as number];
  switch (operator) {
    case "$eq":
      return same(operand);
    case "$ne":
      return !same(operand);
    case "$lt":
      return isOrdered && a < b;
    case "$gt":
      return isOrdered && a > b;
    case "$lte":
      return isOrdered && a <= b;
    case "$gte":
      return isOrdered && a >= b;
    case "$in":
      return list.some(same);
    case "$nin":
      return !list.some(same);
    case "$all":
      return list.every(same);
    case "$mod":
      return typeof value === "number" && value % (list[0] as number) === list[1];
    case "$exists":
      return (value !== null) === operand;
    case "$glob":
      return typeof value === "string" && glob(value, operand as string);
    default:
      throw new Error(`no operator ${operator}`);
  }
}

/** By trying: `*` is nothing, or one character more. */
function glob(text: string, pattern: string): boolean {
  if (pattern === "") return text === "";
  const [first] = pattern;
  if (first === "*") return glob(text, pattern.slice(1)) || (text !== "" && glob(text.slice(1), pattern));
  if (text === "") return false;
  const end = first === "[" ? pattern.indexOf("]") : 0;
  const one = pattern.slice(0, end + 1);
  return fits(text[0] as string, one) && glob(text.slice(1), pattern.slice(end + 1));
}

function fits(character: string, one: string): boolean {
  if (!one.startsWith("[")) return one === "?" || one === character;
  const isNot = one[1] === "!";
  const set = one.slice(isNot ? 2 : 1, -1);
  const isRange = set.length === 3 && set[1] === "-";
  const isIn = isRange ? character >= set.slice(0, 1) && character <= set.slice(2) : set.includes(character);
  return isIn !== isNot;
}
