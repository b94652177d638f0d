import { messageOf } from "../errors.ts";
import type { Log } from "../log.ts";

export interface Leaf {
  leafState(): Promise<{ connected: boolean }>;
  onLeafChange(listener: (connected: boolean) => void): () => void;
}

export interface WhileLinkedOptions {
  leaf: Leaf;
  /**
   * Called with how often it was called since the link came up, from 0 on. Gives the milliseconds until it wants to be called
   * again; what it rejects with is tried again, with growing waits.
   */
  work(turn: number): Promise<number>;
  log: Log;
  signal: AbortSignal;
  /** The first wait after a failure, in milliseconds; the longest is 120 times that. @default 500 */
  retryMs?: number;
}

/** Runs `work` whenever the link comes up, when `wake` is called, and when it asked for it; one at a time, while linked. */
export class WhileLinked {
  readonly #options: WhileLinkedOptions;
  #connected = false;
  #turn = 0;
  #failures = 0;
  #woken = Promise.withResolvers<void>();
  #cut = cutLater();
  /** Resolves when it has ended. */
  readonly done: Promise<void>;

  constructor(options: WhileLinkedOptions) {
    this.#options = options;
    this.done = this.#run();
  }

  wake(): void {
    this.#woken.resolve();
  }

  async #run(): Promise<void> {
    const { leaf, signal, log } = this.#options;
    const off = leaf.onLeafChange((connected) => this.#set(connected));
    const wake = (): void => {
      this.#cut.reject(signal.reason);
      this.wake();
    };
    signal.addEventListener("abort", wake);
    try {
      await leaf.leafState().then(
        ({ connected }) => this.#set(connected),
        // A change will tell.
        () => undefined,
      );
      while (!signal.aborted) await this.#wait(this.#connected ? await this.#once() : undefined);
    } catch (error) {
      log.error(`documents are no longer followed: ${messageOf(error)}`, { error });
    } finally {
      off();
      signal.removeEventListener("abort", wake);
    }
  }

  async #once(): Promise<number> {
    const { work, log, signal, retryMs = 500 } = this.#options;
    try {
      // What was asked over a link that is gone is not waited for.
      const againMs = await Promise.race([work(this.#turn++), this.#cut.promise]);
      this.#failures = 0;
      return againMs;
    } catch (error) {
      if (!signal.aborted) log.debug(messageOf(error));
      const longestMs = retryMs * 2 ** Math.min(this.#failures++, 7);
      return Math.min(longestMs, retryMs * 120) * (0.5 + Math.random() / 2);
    }
  }

  /** Until it is woken, or for that long. */
  async #wait(forMs: number | undefined): Promise<void> {
    const timer = forMs === undefined ? undefined : setTimeout(() => this.wake(), forMs);
    await this.#woken.promise;
    clearTimeout(timer);
    this.#woken = Promise.withResolvers();
  }

  #set(connected: boolean): void {
    if (connected === this.#connected) return;
    this.#connected = connected;
    this.#turn = 0;
    this.#failures = 0;
    this.#cut.reject(new Error("the link has changed"));
    this.#cut = cutLater();
    this.wake();
  }
}

function cutLater(): PromiseWithResolvers<never> {
  const cut = Promise.withResolvers<never>();
  cut.promise.catch(() => undefined);
  return cut;
}
