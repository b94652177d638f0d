/** What waits for one receiver, and the one delivery that is under way. */
import { setTimeout as delay } from "node:timers/promises";
import { decorrelatedJitterGenerator, ExponentialBackoff, type IBackoff } from "cockatiel";
import { isUmecError, messageOf } from "../../errors.ts";
import type { Log } from "../../log.ts";
import type { PostAnswer } from "./post.ts";

export interface QueueOptions {
  id: string;
  callback: string;
  /** Of waiting notifications, beside the one under way. */
  most: number;
  giveUpAfterMs: number;
  deadAfterMs: number;
  firstRetryMs: number;
  slowestRetryMs: number;
  post: (callback: string, body: string, signal: AbortSignal) => Promise<PostAnswer>;
  onDelivered: () => void;
  onDropped: () => void;
  /** It will not be delivered to any more. */
  onDead: (reason: string) => void;
  onIdle: () => void;
  log: Log;
}

/** The receiver may do better later (RFC 9110 section 15, RFC 6585, RFC 8470). */
const passing = new Set([408, 421, 425, 429]);
const gone = 410;

export class Queue {
  readonly #options: QueueOptions;
  readonly #waiting: string[] = [];
  readonly #stop = new AbortController();
  #run: Promise<void> | undefined;
  /** `performance.now()` of the first failure since the last success. */
  #failingSinceMs: number | undefined;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Nothing has arrived since something failed. */
  get isFailing(): boolean {
    return this.#failingSinceMs !== undefined;
  }

  push(body: string): void {
    const { most, onDropped, log, id } = this.#options;
    if (this.#waiting.length >= most) {
      this.#waiting.shift();
      onDropped();
      log.warn("notification dropped: its queue is full, the oldest goes", { subscription: id, most });
    }
    this.#waiting.push(body);
    this.#start();
  }

  #start(): void {
    this.#run ??= this.#drain().finally(() => {
      this.#run = undefined;
      if (this.#waiting.length > 0 && !this.#stop.signal.aborted) this.#start();
      else this.#options.onIdle();
    });
  }

  async stop(): Promise<void> {
    this.#waiting.length = 0;
    this.#stop.abort();
    await this.#run;
  }

  async #drain(): Promise<void> {
    for (;;) {
      const body = this.#waiting.shift();
      if (body === undefined) return;
      await this.#deliver(body);
    }
  }

  async #deliver(body: string): Promise<void> {
    const { id, callback, giveUpAfterMs, deadAfterMs, log, onDelivered, onDropped, onDead } = this.#options;
    const { firstRetryMs, slowestRetryMs, post } = this.#options;
    const { signal } = this.#stop;
    const generator = decorrelatedJitterGenerator;
    const pauses = new ExponentialBackoff({
      initialDelay: firstRetryMs,
      maxDelay: slowestRetryMs,
      generator,
    });
    let pause: IBackoff<unknown> = pauses.next();
    const startMs = performance.now();
    for (;;) {
      const outcome = await post(callback, body, signal).then(judge, failed);
      if (signal.aborted) return;
      if (outcome.kind === "delivered") {
        this.#failingSinceMs = undefined;
        onDelivered();
        return;
      }
      const { reason } = outcome;
      const nowMs = performance.now();
      this.#failingSinceMs ??= nowMs;
      const isDead = outcome.kind === "gone" || nowMs - this.#failingSinceMs >= deadAfterMs;
      const waitMs = Math.max(pause.duration, outcome.retryAfterMs ?? 0);
      if (isDead || outcome.kind === "refused" || nowMs + waitMs - startMs >= giveUpAfterMs) {
        onDropped();
        log.warn("notification given up", { subscription: id, callback, reason });
        if (!isDead) return;
        for (const _ of this.#waiting.splice(0)) onDropped();
        onDead(reason);
        return;
      }
      log.debug("notification is tried again", { subscription: id, callback, reason, waitMs });
      await delay(waitMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      pause = pause.next(undefined);
    }
  }
}

type Outcome =
  | { kind: "delivered" }
  /** `refused`: to send it again is no use. `gone`: nor is anything else. */
  | { kind: "failed" | "refused" | "gone"; reason: string; retryAfterMs?: number };

function judge({ status, retryAfterMs }: PostAnswer): Outcome {
  if (status >= 200 && status < 300) return { kind: "delivered" };
  const isPassing = status >= 500 || passing.has(status);
  const kind = status === gone ? "gone" : isPassing ? "failed" : "refused";
  const reason = `the receiver answered ${status}`;
  return retryAfterMs === undefined ? { kind, reason } : { kind, reason, retryAfterMs };
}

function failed(error: unknown): Outcome {
  const kind = isUmecError(error, "NOTIFY_CALLBACK_REFUSED") ? "refused" : "failed";
  return { kind, reason: messageOf(error) };
}
