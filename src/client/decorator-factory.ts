/** Where the layer above puts its decorators, so that `view.remote()` and `view.parallel()` can offer them. */

/** Makes a decorator for a view. */
// biome-ignore lint/suspicious/noExplicitAny: the decorators' types belong to the layer above
export type DecoratorFactory = (view: any, flags: any) => any;

export interface DecoratorFactories {
  remote: DecoratorFactory;
  parallel: DecoratorFactory;
}

export const decoratorFactories: DecoratorFactories = {
  remote: missing,
  parallel: missing,
};

function missing(): never {
  throw new Error('the decorators are not loaded: import them from "ndparallel"');
}
