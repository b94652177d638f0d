import type { NatsConnection } from "@nats-io/transport-node";

/**
 * Whether a NATS connection carries anything just now. What is sent while it does not would wait in the
 * client's memory and be late; what was sent just before was perhaps never read.
 */
export class Line {
  readonly #connection: NatsConnection;
  readonly #listeners = new Set<() => void>();
  #up = true;

  constructor(connection: NatsConnection) {
    this.#connection = connection;
    void this.#watch();
  }

  get isUp(): boolean {
    return this.#up && !this.isClosed;
  }

  /** For good. */
  get isClosed(): boolean {
    return this.#connection.isClosed();
  }

  /** Calls `listener` at each change; returns the function that ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async #watch(): Promise<void> {
    for await (const { type } of this.#connection.status()) {
      if (type === "disconnect") this.#set(false);
      else if (type === "reconnect") this.#set(true);
    }
    this.#set(false);
  }

  #set(up: boolean): void {
    this.#up = up;
    for (const listener of [...this.#listeners]) listener();
  }
}
