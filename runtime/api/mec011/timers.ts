/** Timers by name that do not keep the process alive, of any length. */
export interface Timers {
  /** Calls `run` after `ms`, in place of what was set under `name`. */
  set(name: string, ms: number, run: () => void): void;
  clear(name: string): void;
  stop(): void;
}

/** setTimeout(3) of Node.js takes more for 1 ms. */
const longestMs = 2 ** 31 - 1;

export function createTimers(): Timers {
  const running = new Map<string, NodeJS.Timeout>();
  let stopped = false;

  function set(name: string, ms: number, run: () => void): void {
    clearTimeout(running.get(name));
    if (stopped) return;
    const timer = setTimeout(
      () => {
        running.delete(name);
        if (ms > longestMs) set(name, ms - longestMs, run);
        else run();
      },
      Math.min(Math.max(0, ms), longestMs),
    );
    running.set(name, timer.unref());
  }

  return {
    set,
    clear(name) {
      clearTimeout(running.get(name));
      running.delete(name);
    },
    stop() {
      stopped = true;
      for (const timer of running.values()) clearTimeout(timer);
      running.clear();
    },
  };
}
