/**
 * Waiting for a descriptor to have something to read, without a thread for each and without asking.
 *
 * Node.js itself watches sockets only: its file streams would block a thread of its pool for as long as nothing
 * comes. The npm package epoll, whose one thread waits in epoll_wait(2) for all, is the way.
 */
import { messageOf, UmecError } from "../../runtime/plugin/sdk.ts";

/**
 * Calls `listener` as long as there is something to read, or the descriptor has an error (its next read tells
 * which); returns what ends it. Call that before the descriptor is closed.
 */
export type WatchReadable = (fd: number, listener: () => void) => () => void;

/** @throws UmecError `ADDON_MISSING` when the package's machine code can't be loaded */
export async function loadWatchReadable(): Promise<WatchReadable> {
  let Epoll: typeof import("epoll").Epoll;
  try {
    ({ Epoll } = (await import("epoll")).default as typeof import("epoll"));
  } catch (cause) {
    throw new UmecError("ADDON_MISSING", messageOf(cause), { cause });
  }
  return (fd, listener) => {
    let ended = false;
    const watcher = new Epoll(() => {
      if (!ended) listener();
    });
    watcher.add(fd, Epoll.EPOLLIN);
    return () => {
      if (ended) return;
      ended = true;
      watcher.remove(fd);
      // It frees its callback, which may be what is running now.
      setImmediate(() => watcher.close());
    };
  };
}
