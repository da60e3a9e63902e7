/**
 * Questions to the task database: `{ key: value }` and `{ key: { $operator: value, … } }`. A record matches when it
 * satisfies every key and, of each key, every operator. Times are milliseconds since the epoch.
 */

import { shown } from "../errors.ts";
import type { TaskRecord } from "./task-record.ts";

/** A question; see {@link compileQuery}. */
export type TaskQuery = Readonly<Record<string, unknown>>;

type Test = (value: unknown) => boolean;

/** What can be asked for, by key. A value that is not known is `null`. */
const readers: { readonly [key: string]: (record: TaskRecord) => unknown } = {
  msgId: ({ taskId }) => taskId,
  submitted: ({ submitted }) => submitted,
  started: ({ outcome }) => outcome?.started,
  completed: ({ outcome }) => outcome?.completed,
  received: ({ received }) => received,
  engineId: ({ engineId }) => (engineId < 0 ? null : engineId),
  engineUuid: ({ engineUuid }) => engineUuid || null,
  status: ({ outcome }) => outcome?.status,
  error: ({ outcome }) => (outcome?.error === undefined ? null : `${outcome.error.name}: ${outcome.error.message}`),
  stdout: ({ stdout }) => stdout,
  stderr: ({ stderr }) => stderr,
  after: ({ after }) => after,
  follow: ({ follow }) => follow,
  label: ({ label }) => label,
  operation: ({ operation }) => operation,
  clientUuid: ({ clientUuid }) => clientUuid,
};

const operators: { readonly [name: string]: (operand: unknown) => Test } = {
  $lt: (operand) => (value) => comparable(value, operand) && (value as number) < (operand as number),
  $gt: (operand) => (value) => comparable(value, operand) && (value as number) > (operand as number),
  $lte: (operand) => (value) => comparable(value, operand) && (value as number) <= (operand as number),
  $gte: (operand) => (value) => comparable(value, operand) && (value as number) >= (operand as number),
  $eq: (operand) => (value) => equals(value, operand),
  $ne: (operand) => (value) => !equals(value, operand),
  $in: (operand) => {
    const choices = list("$in", operand);
    return (value) => choices.some((choice) => equals(value, choice));
  },
  $nin: (operand) => {
    const choices = list("$nin", operand);
    return (value) => !choices.some((choice) => equals(value, choice));
  },
  $all: (operand) => {
    const wanted = list("$all", operand);
    return (value) => wanted.every((one) => equals(value, one));
  },
  $mod: (operand) => {
    const [divisor, remainder] = list("$mod", operand);
    if (!Number.isInteger(divisor) || divisor === 0 || !Number.isInteger(remainder)) {
      throw new TypeError(`$mod takes [divisor, remainder], two integers; given: ${JSON.stringify(operand)}`);
    }
    return (value) => typeof value === "number" && value % (divisor as number) === remainder;
  },
  $exists: (operand) => {
    if (typeof operand !== "boolean") throw new TypeError(`$exists takes true or false; given: ${shown(operand)}`);
    return (value) => (value !== null) === operand;
  },
  $glob: (operand) => {
    if (typeof operand !== "string") throw new TypeError(`$glob takes a pattern; given: ${shown(operand)}`);
    const pattern = globPattern(operand);
    return (value) => typeof value === "string" && pattern.test(value);
  },
};

/**
 * The test of a question.
 * @throws TypeError for a key or an operator that does not exist, or an operand that the operator does not take.
 */
export function compileQuery(query: TaskQuery): (record: TaskRecord) => boolean {
  if (typeof query !== "object" || query === null || Array.isArray(query)) {
    throw new TypeError(`a query must be an object of keys and values; given: ${shown(query)}`);
  }
  const parts = Object.entries(query).map(([key, condition]) => {
    const read = Object.hasOwn(readers, key) ? readers[key] : undefined;
    if (read === undefined) {
      throw new TypeError(`records cannot be asked for "${key}"; the keys are: ${Object.keys(readers).join(", ")}`);
    }
    return { read, tests: compileCondition(condition) };
  });
  return (record) => parts.every(({ read, tests }) => tests.every((test) => test(read(record) ?? null)));
}

/** The ids that a question names, if it names any: what need not be looked at otherwise. */
export function idsOf(query: TaskQuery): readonly string[] | undefined {
  const condition = query["msgId"];
  if (typeof condition === "string") return [condition];
  const { $eq, $in } = (condition ?? {}) as { $eq?: unknown; $in?: unknown };
  if (typeof $eq === "string") return [$eq];
  return Array.isArray($in) ? [...new Set($in.filter((id) => typeof id === "string"))] : undefined;
}

function compileCondition(condition: unknown): Test[] {
  if (!isOperators(condition)) return [(value) => equals(value, condition)];
  return Object.entries(condition).map(([name, operand]) => {
    const operator = Object.hasOwn(operators, name) ? operators[name] : undefined;
    if (operator !== undefined) return operator(operand);
    throw new TypeError(`there is no operator "${name}"; operators are: ${Object.keys(operators).join(", ")}`);
  });
}

function isOperators(condition: unknown): condition is Record<string, unknown> {
  if (typeof condition !== "object" || condition === null || Array.isArray(condition)) return false;
  return Object.keys(condition).length > 0;
}

/** Nothing is less or greater than what is unknown, or of another type. */
function comparable(value: unknown, operand: unknown): boolean {
  return typeof value === typeof operand && (typeof value === "number" || typeof value === "string");
}

/** A list equals the same list, and each of its members. */
function equals(value: unknown, operand: unknown): boolean {
  if (!Array.isArray(value)) return value === (operand ?? null);
  if (!Array.isArray(operand)) return value.includes(operand);
  return value.length === operand.length && value.every((member, index) => member === operand[index]);
}

function list(name: string, operand: unknown): readonly unknown[] {
  if (Array.isArray(operand)) return operand;
  throw new TypeError(`${name} takes a list; given: ${JSON.stringify(operand)}`);
}

/** The pattern of a shell: `*`, `?`, `[abc]`, `[a-z]`, `[!abc]`; everything else stands for itself. */
export function globPattern(glob: string): RegExp {
  const source = glob.replaceAll(/\[([!^]?)(\]?[^\]]*)\]|[\s\S]/g, (part, not: string | undefined, set?: string) => {
    if (set !== undefined) return `[${not ? "^" : ""}${set.replaceAll(/[\\\]^]/g, "\\$&")}]`;
    if (part === "*") return "[\\s\\S]*";
    if (part === "?") return "[\\s\\S]";
    return part.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  });
  return new RegExp(`^${source}$`, "u");
}
