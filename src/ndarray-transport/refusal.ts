/** The error that travels up while a value is walked, collecting the path to the culprit on its way. */

import { type FunctionRefusal, SerializationError } from "../errors.ts";

/** How many steps of a long path are shown at each end. */
const SHOWN_STEPS = 24;

/** A function that cannot be sent, and the way from it to the culprit. */
export interface RefusedFunction {
  /** Steps from the outside to the inside: `captured variable "ctx"`, `.deep`. */
  readonly trail: readonly string[];
  /** How the function is called, and where it is. Asked only for the outermost one, because the place takes long to find. */
  describe(): { readonly label: string } & Pick<FunctionRefusal, "functionName" | "place">;
}

/** Why something cannot be sent; the steps of its path are added from the inside to the outside. */
export class Refusal {
  readonly reason: string;
  readonly cause: unknown;
  /** Steps to the culprit; or, once the walk has left a function that cannot be sent, to that function. */
  steps: string[] = [];
  /** The outermost function that the walk has left so far. */
  refusedFunction: RefusedFunction | undefined;

  /** @param reason continues a sentence that starts with the path: "is a symbol; …" */
  constructor(reason: string, cause?: unknown) {
    this.reason = reason;
    this.cause = cause;
  }
}

/** `error`, whatever was thrown, as a refusal that has come one step further out. */
export function stepOut(error: unknown, step: string): Refusal {
  const refusal = asRefusal(error);
  refusal.steps.push(step);
  return refusal;
}

export function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (isStackOverflow(error)) return new Refusal("is nested too deeply for the call stack; flatten it before sending");
  if (error instanceof SerializationError) return new Refusal(`cannot be sent: ${error.message}`, error);
  return new Refusal(`cannot be read: ${messageOf(error)}`, error);
}

/** The error to throw for what was thrown while the value called `name` was walked. */
export function serializationError(error: unknown, name: string): SerializationError {
  const { reason, cause, steps, refusedFunction } = asRefusal(error);
  const path = name + shorten(steps.reverse()).join("");
  const options = cause === undefined ? {} : { cause };
  if (refusedFunction === undefined) return new SerializationError(`${path} ${reason}`, path, options);
  const { label, functionName, place } = refusedFunction.describe();
  const culprit = shorten(refusedFunction.trail).join(" → ");
  const sentence = culprit === "" ? `${label} ${reason}` : `${label}: ${culprit} ${reason}`;
  const [why, remedy] = splitRemedy(reason);
  const refusal: FunctionRefusal = { functionName, place, culprit, reason: why, remedy };
  return new SerializationError(`${path} cannot be sent: ${sentence}`, path, { ...options, refusal });
}

/** Reasons say first what is, then, after a semicolon, what to do. */
function splitRemedy(reason: string): [string, string | undefined] {
  const at = reason.indexOf("; ");
  return at < 0 ? [reason, undefined] : [reason.slice(0, at), reason.slice(at + 2)];
}

function shorten(steps: readonly string[]): readonly string[] {
  if (steps.length <= 2 * SHOWN_STEPS) return steps;
  return [...steps.slice(0, SHOWN_STEPS), "…", ...steps.slice(-SHOWN_STEPS)];
}

/** Whether `error` is what the runtime throws when the call stack is full. */
function isStackOverflow(error: unknown): boolean {
  return error instanceof RangeError && error.message.includes("call stack");
}

/** The message of anything that can be thrown. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  try {
    return String(error);
  } catch {
    return "something without a text was thrown";
  }
}

/** The step to a property: `.name`, `[3]` or `["a name"]`. */
export function propertyStep(key: string | number): string {
  if (typeof key === "number") return `[${key}]`;
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

/** The step to a value of a Map: `.get("k")`, or `[map value 3]` where the key has no short text. */
export function mapValueStep(key: unknown, position: number): string {
  if (typeof key === "string") return `.get(${JSON.stringify(key)})`;
  const isScalar = key === null || !["object", "function", "symbol"].includes(typeof key);
  if (!isScalar) return `[map value ${position}]`;
  return `.get(${String(key)}${typeof key === "bigint" ? "n" : ""})`;
}
