/** The view that decorators without a view of their own use. */

let current: unknown;

export function setCurrentView(view: unknown): void {
  current = view;
}

/** `undefined` as long as no view was activated. */
export function currentView(): unknown {
  return current;
}
