import { setTimeout as delay } from "node:timers/promises";

export interface LeafEvents {
  leafState(): Promise<{ connected: boolean }>;
  onLeafChange(listener: (connected: boolean) => void): () => void;
}

/** Whether there is a link, as something to wait for. Nothing polls. */
export class LinkGate {
  #connected = false;
  #changed = Promise.withResolvers<void>();
  #session = new AbortController();

  /** @param signal ends it: nobody may wait any more */
  constructor(leaf: LeafEvents, signal: AbortSignal) {
    const off = leaf.onLeafChange((connected) => this.#set(connected));
    signal.addEventListener("abort", off, { once: true });
    if (signal.aborted) off();
    // While nats-server does not answer there is no link; when there is one again, that is an event.
    leaf.leafState().then(
      ({ connected }) => {
        if (connected) this.#set(true);
      },
      () => undefined,
    );
  }

  #set(connected: boolean): void {
    if (connected === this.#connected) return;
    this.#connected = connected;
    if (connected) this.#session = new AbortController();
    else this.#session.abort(new Error("the link went down"));
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** Resolves when there is a link, with what is aborted when it goes down. */
  async up(signal: AbortSignal): Promise<AbortSignal> {
    while (!this.#connected) await this.#change(signal);
    signal.throwIfAborted();
    return this.#session.signal;
  }

  /** Waits so long, but not longer than until the link comes or goes. */
  async pause(ms: number, signal: AbortSignal): Promise<void> {
    const ended = new AbortController();
    const time = delay(ms, undefined, { signal: ended.signal }).catch(() => undefined);
    try {
      await Promise.race([time, this.#change(signal)]);
    } finally {
      ended.abort();
    }
  }

  async #change(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const cut = Promise.withResolvers<never>();
    const abort = (): void => cut.reject(signal.reason);
    signal.addEventListener("abort", abort);
    try {
      await Promise.race([this.#changed.promise, cut.promise]);
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }
}
