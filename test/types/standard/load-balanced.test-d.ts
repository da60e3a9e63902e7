/** The types of calls on load-balanced views. */
import { type AsyncResult, type Client, type LoadBalancedView, remote } from "ndparallel";
import { type Equal, expectType } from "../equal.ts";

declare const rc: Client;
const view = rc.loadBalancedView();
expectType<Equal<typeof view, LoadBalancedView<false>>>();

// One engine: bare values, promises unwrapped, arguments checked.
const bare = view.apply((x: number, y: string) => Promise.resolve(`${x}${y}`), 1, "a");
expectType<Equal<typeof bare, AsyncResult<string>>>();
// @ts-expect-error a string is no number
view.apply((x: number) => x, "a");
const blocking = view.with({ block: true, retries: { error: 2, place: "same" } }).apply((x: number) => x, 1);
expectType<Equal<typeof blocking, Promise<number>>>();

// Maps keep the kind of their input.
const list = view.map((x: number) => String(x), [1, 2]);
expectType<Equal<typeof list, AsyncResult<string[]>>>();
const results = view.imap((x: number) => [x], [1, 2]);
expectType<Equal<typeof results, AsyncGenerator<number[], void, undefined>>>();

const decorated = remote(view)((x: number) => x > 1);
const called = decorated(2);
expectType<Equal<typeof called, AsyncResult<boolean>>>();

// @ts-expect-error no such flag
view.with({ colour: 1 });

// Nobody knows beforehand where a task will run: data is not moved.
// @ts-expect-error
view.push({ a: 1 });
// @ts-expect-error
view.pull("a");
// @ts-expect-error
view.get("a");
// @ts-expect-error
view.set("a", 1);
// @ts-expect-error
view.update({ a: 1 });
// @ts-expect-error
view.scatter("a", [1]);
// @ts-expect-error
view.gather("a");
// @ts-expect-error
view.execute("1");
// @ts-expect-error
view.import("node:os");
// @ts-expect-error
view.run("file.js");
// @ts-expect-error
view.clear();

// What every view has.
const waited = view.wait([-1, bare, "id", Promise.resolve()], { timeout: 1, signal: new AbortController().signal });
expectType<Equal<typeof waited, Promise<boolean>>>();
expectType<Equal<ReturnType<typeof view.abort>, Promise<void>>>();
expectType<Equal<ReturnType<typeof view.shutdown>, Promise<void>>>();
expectType<Equal<ReturnType<typeof view.purgeResults>, Promise<void>>>();
const queues = await view.queueStatus();
expectType<Equal<typeof queues.unassigned, number>>();
const verbose = await view.queueStatus({ verbose: true });
expectType<Equal<typeof verbose.unassigned, string[]>>();
expectType<Equal<typeof view.history, string[]>>();
expectType<Equal<typeof view.outstanding, Set<string>>>();
expectType<Equal<typeof view.size, number>>();
const fetched = view.getResult([0, "id"]);
expectType<Equal<typeof fetched, AsyncResult<unknown[]>>>();

// Executors: one value over a load-balanced view, one for each engine over a direct one.
const submitted = rc.executor().submit((x: number) => String(x), 1);
expectType<Equal<typeof submitted, AsyncResult<string>>>();
const everywhere = rc
  .view()
  .executor()
  .submit((x: number) => String(x), 1);
expectType<Equal<typeof everywhere, AsyncResult<string[]>>>();
// The result of a task can be the argument of another.
const chained = view.apply(
  (x: number) => x > 1,
  view.apply((x: number) => x, 1),
);
expectType<Equal<typeof chained, AsyncResult<boolean>>>();
