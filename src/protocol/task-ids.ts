/** Ids of tasks: the name of their client, "-", and a number. */

/** The number that an id has after the prefix, written as JavaScript writes it; -1 if it is something else. */
export function numberAfter(prefix: string, id: string): number {
  const { length } = prefix;
  if (!id.startsWith(prefix) || id.length === length || id.length > length + 15) return -1;
  if (id.charCodeAt(length) === 48 && id.length > length + 1) return -1;
  let number = 0;
  for (let at = length; at < id.length; at++) {
    const digit = id.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return -1;
    number = 10 * number + digit;
  }
  return number;
}
