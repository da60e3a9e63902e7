/** Where a decorated function finds its view: given, looked up at each call, or the current one. */

import type { BalancedFlags } from "../client/balanced-flags.ts";
import { currentView } from "../client/current-view.ts";
import { DirectView } from "../client/direct-view.ts";
import type { DirectFlags } from "../client/flags.ts";
import { LoadBalancedView } from "../client/load-balanced-view.ts";
import type { Shape } from "../client/targets.ts";
import { shown } from "../errors.ts";

/** A view, a function that gives one at each call, or nothing: then the view that was activated last. */
export type ViewSource<S extends Shape = Shape, B extends boolean = boolean, K extends boolean = false> =
  | DirectView<S, B, K>
  | (() => DirectView<S, B, K>);

/** The same for a load-balanced view. */
export type BalancedViewSource<B extends boolean = boolean, K extends boolean = false> =
  | LoadBalancedView<B, K>
  | (() => LoadBalancedView<B, K>);

/** A view of either kind, as decorated functions use it. */
export type AnyView = DirectView | LoadBalancedView;

/**
 * A function that gives the view for a call, with `flags` over its own.
 * @throws TypeError for what is no source of views, at once; for a source that gives none, at the call.
 */
export function viewGetter(name: string, source: unknown, flags: DirectFlags | BalancedFlags = {}): () => AnyView {
  if (source !== undefined && typeof source !== "function" && !isView(source)) {
    throw new TypeError(`${name} takes a view, a function that returns one, or nothing; given: ${shown(source)}`);
  }
  const configured = new WeakMap<AnyView, AnyView>();
  return () => {
    const view = typeof source === "function" ? source() : (source ?? currentView());
    if (!isView(view)) {
      const reason =
        source === undefined ? "no view is active: call view.activate() first" : "the function gave no view";
      throw new TypeError(`${name}: ${reason}, or pass a view: ${name}(view)`);
    }
    if (Object.keys(flags).length === 0) return view;
    let withFlags = configured.get(view);
    if (withFlags === undefined) {
      withFlags = (view as DirectView).with(flags as DirectFlags) as AnyView;
      configured.set(view, withFlags);
    }
    return withFlags;
  };
}

function isView(value: unknown): value is AnyView {
  return value instanceof DirectView || value instanceof LoadBalancedView;
}
