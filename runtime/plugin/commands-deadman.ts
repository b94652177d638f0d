/**
 * The dead man's handle of one point: whoever drives it must go on doing so, else it goes to its safe value.
 *
 * 1. `begin`, when the driver takes commands: the safe value is set first. What holds in the hardware then is not
 *    known - the driver, or the node, may have died after a command - and commands for the point wait for it.
 * 2. A command that reaches the driver starts the time, and each one that succeeds starts it anew. One that fails
 *    does not: it may have changed the point, but nobody drives it.
 * 3. When the time is over, the safe value is set. While a command for the point runs that is put off, until the
 *    command has failed or for as long again once it has succeeded.
 * 4. Setting it failed: again after 1 s, then after twice as long each time, up to 60 s, until it succeeds or a
 *    command does.
 *
 * When the plugin stops nothing is set: the driver is letting go of its hardware.
 */
export interface DeadManOptions {
  afterMs: number;
  /** Sets the safe value; rejects when that failed. `late`: nobody drove the point; else it is the start. */
  set(cause: "start" | "late"): Promise<void>;
  /** Ends it. */
  signal: AbortSignal;
}

const firstRetryMs = 1_000;
const longestRetryMs = 60_000;

export class DeadMan {
  readonly #options: DeadManOptions;
  #begun = false;
  #running = 0;
  /** The time was over while a command ran. */
  #due = false;
  #timer: NodeJS.Timeout | undefined;
  #retryMs = firstRetryMs;
  #setting: Promise<void> | undefined;

  constructor(options: DeadManOptions) {
    this.#options = options;
    options.signal.addEventListener("abort", () => this.#disarm(), { once: true });
  }

  begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#set("start");
  }

  /** Resolves when no safe value is being set. To be awaited before a command is given to the driver. */
  async ready(): Promise<void> {
    while (this.#setting) await this.#setting;
  }

  /** A command is given to the driver. Returns what to call when it has ended. */
  commanded(): (succeeded: boolean) => void {
    this.#running += 1;
    if (!this.#timer && !this.#due) this.#arm(this.#options.afterMs);
    return (succeeded) => {
      this.#running -= 1;
      if (succeeded) {
        this.#due = false;
        this.#retryMs = firstRetryMs;
        this.#arm(this.#options.afterMs);
      } else if (this.#due && this.#running === 0) this.#late();
    };
  }

  #late(): void {
    this.#timer = undefined;
    if (this.#running > 0) this.#due = true;
    else this.#set("late");
  }

  #set(cause: "start" | "late"): void {
    if (this.#options.signal.aborted) return;
    this.#due = false;
    this.#disarm();
    this.#setting = this.#options
      .set(cause)
      .then(
        () => {
          this.#retryMs = firstRetryMs;
        },
        () => {
          this.#arm(this.#retryMs);
          this.#retryMs = Math.min(2 * this.#retryMs, longestRetryMs);
        },
      )
      .finally(() => {
        this.#setting = undefined;
      });
  }

  #arm(ms: number): void {
    this.#disarm();
    if (!this.#options.signal.aborted) this.#timer = setTimeout(() => this.#late(), ms);
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
