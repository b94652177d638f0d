/**
 * Whose error is it? A driver runs in the node's process, and what it throws in a timer, an event's listener or
 * a promise that nobody awaits reaches no caller: Node would end the process, and with it all plugins.
 *
 * Each run of a driver is an asynchronous context of its own. Whatever the driver starts, Node carries the context
 * along, and so a stray error can be given to the run that it comes from, which fails by it like by any other.
 * Errors that belong to no run stay what they are: bugs of the runtime.
 */
import { AsyncLocalStorage } from "node:async_hooks";

// Of the process, as the errors are.
const owner = new AsyncLocalStorage<(error: unknown) => void>();

/** Calls `work`; stray errors of it and of all that it starts go to `onStray`. */
export function ownStrays<T>(onStray: (error: unknown) => void, work: () => T): T {
  return owner.run(onStray, work);
}

/**
 * From now on stray errors go to the run that they belong to, and all others to `onUnowned`, which should log
 * and end the process. Returns the function that takes this back.
 */
export function catchStrayErrors(onUnowned: (error: unknown) => void): () => void {
  const take = (error: unknown): void => (owner.getStore() ?? onUnowned)(error);
  process.on("uncaughtException", take);
  process.on("unhandledRejection", take);
  return () => {
    process.off("uncaughtException", take);
    process.off("unhandledRejection", take);
  };
}
