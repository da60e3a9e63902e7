/**
 * The time of the calendar, from the clock that measures durations: on many systems reading a clock takes as long as a
 * short task does, and one reading serves for both.
 */

/** What the calendar says when the other clock is at zero, in milliseconds since the epoch. */
let origin: number = performance.timeOrigin;

/** The calendar's time, in whole milliseconds since the epoch, when `performance.now()` gave `time`. */
export function calendarTime(time: number): number {
  return Math.floor(origin + time);
}

/** Follows the calendar where somebody has set it. Gives `performance.now()`. */
export function checkCalendar(): number {
  const before = performance.now();
  const calendar = Date.now();
  const after = performance.now();
  // The calendar gives whole milliseconds, of some moment between the two.
  if (origin + before >= calendar + 2 || origin + after < calendar) origin = calendar - before;
  return after;
}
