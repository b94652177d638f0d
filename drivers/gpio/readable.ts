/**
 * Waiting for a descriptor to have something to read, without a thread for each and without asking.
 *
 * Node.js itself watches sockets only: its file streams would block a thread of its pool for as long as no edge
 * comes. The npm package epoll, whose one thread waits in epoll_wait(2) for all, is the way.
 */
import { messageOf } from "../../runtime/plugin/sdk.ts";
import { addonError } from "./errors.ts";

/** Calls `listener` as long as there is something to read; returns what ends it. */
export type WatchReadable = (fd: number, listener: () => void) => () => void;

/** @throws UmecError `GPIO_ADDON_MISSING` */
export async function loadWatchReadable(): Promise<WatchReadable> {
  let Epoll: typeof import("epoll").Epoll;
  try {
    ({ Epoll } = (await import("epoll")).default as typeof import("epoll"));
  } catch (cause) {
    throw addonError("epoll", messageOf(cause));
  }
  return (fd, listener) => {
    const watcher = new Epoll(() => listener());
    watcher.add(fd, Epoll.EPOLLIN);
    return () => {
      watcher.remove(fd);
      // It frees its callback, which may be what is running now.
      setImmediate(() => watcher.close());
    };
  };
}
