/** A result that is fetched from the hub. */

import { AsyncResult } from "./async-result.ts";

/**
 * The result of tasks that another client sent, or that the hub ran again: the hub sends what it knows, and the rest
 * when it comes. Its times are those that the hub and the engines saw.
 */
export class AsyncHubResult<T> extends AsyncResult<T> {}
