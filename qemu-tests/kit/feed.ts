/** How many items a reader may leave unread; then its oldest ones go. */
const unreadLimit = 4096;

/** Values for any number of readers, each from the moment on at which it began to follow. */
export class Feed<T> {
  readonly #readers = new Set<(item: T | undefined) => void>();
  #ended = false;

  push(item: T): void {
    for (const reader of this.#readers) reader(item);
  }

  /** Readers end when they have read what they have. */
  end(): void {
    this.#ended = true;
    for (const reader of this.#readers) reader(undefined);
  }

  /** What is pushed after this call. Ends with `end()` or the signal; keeps the newest 4096 unread items. */
  follow({ signal }: { signal?: AbortSignal } = {}): AsyncIterableIterator<T> {
    const unread: T[] = [];
    let done = this.#ended || signal?.aborted === true;
    let wake = Promise.withResolvers<void>();
    const reader = (item: T | undefined) => {
      if (item === undefined) done = true;
      else if (unread.push(item) > unreadLimit) unread.shift();
      wake.resolve();
    };
    const readers = this.#readers;
    const stop = () => {
      readers.delete(reader);
      signal?.removeEventListener("abort", stop);
      done = true;
      wake.resolve();
    };
    if (!done) {
      readers.add(reader);
      signal?.addEventListener("abort", stop, { once: true });
    }
    return {
      async next() {
        for (;;) {
          const item = unread.shift();
          if (item !== undefined) return { done: false, value: item };
          if (done) {
            stop();
            return { done: true, value: undefined };
          }
          await wake.promise;
          wake = Promise.withResolvers();
        }
      },
      async return() {
        stop();
        unread.length = 0;
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }
}
