/**
 * Watches what applications do on the bus, and says who does too much: nats-server has no limit for how fast a client
 * publishes, nor for the connections of one user.
 *
 * Once in `tickMs`, as long as there is a grant, it asks nats-server for the connections in their account. Each names the
 * key that signed its user, and so the application. What they have sent counts, also what was refused; so do new
 * connections, as a handshake is dear. nats-server's lines about applications go to the log at `debug`; the first in ten
 * seconds is a warning, so that nobody can fill the log.
 */
import { EmitLimit, type EmitRate } from "../emit-limit.ts";
import { messageOf } from "../errors.ts";
import type { Log } from "../log.ts";

export interface AppWatchOptions {
  /** Those in the account now. */
  connections(): Promise<readonly AppConnection[]>;
  /** By the key that signed its user; `undefined`: nobody's, or the node's own. */
  appOf(issuerKey: string | undefined): string | undefined;
  onFlood(app: string, reason: string): void;
  log: Log;
  /** @default 500 */
  tickMs?: number;
}

/** Of nats-server's CONNZ. */
export interface AppConnection {
  cid: number;
  issuer_key?: string;
  in_msgs: number;
  in_bytes: number;
}

/** Of one application, over all its connections. */
export const appRate: EmitRate = { samplesPerS: 2000, bytesPerS: 4 * 1024 * 1024 };
export const mostConnectionsOfOne = 8;
/** A new connection is like so many messages. */
const connectionMessages = 50;
const quietMs = 10_000;

interface Seen {
  msgs: number;
  bytes: number;
}

export class AppWatch {
  readonly #options: Required<AppWatchOptions>;
  readonly #limits = new Map<string, EmitLimit>();
  #seen = new Map<number, Seen>();
  #timer: NodeJS.Timeout | undefined;
  #untilMs = 0;
  #stopped = false;
  #refused = 0;
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor(options: AppWatchOptions) {
    this.#options = { tickMs: 500, ...options };
  }

  /** There is a grant that ends then. @param endsMs Unix time */
  watch(endsMs: number): void {
    this.#untilMs = Math.max(this.#untilMs, endsMs);
    this.#wait();
  }

  /** Whether the line of nats-server's log is about a WebSocket: then it is told here. */
  hear(line: string): boolean {
    const text = /^\S+ - wid:\d+ - (.*)$/s.exec(line)?.[1];
    if (text === undefined) return false;
    const { log } = this.#options;
    log.debug(line);
    this.#refused++;
    const nowMs = performance.now();
    if (nowMs - this.#toldMs < quietMs) return true;
    this.#toldMs = nowMs;
    log.warn(`the bus refused an application: ${text.slice(0, 300)}`, { times: this.#refused });
    this.#refused = 0;
    return true;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #wait(): void {
    if (this.#timer || this.#stopped || Date.now() > this.#untilMs) return;
    this.#timer = setTimeout(() => {
      this.#look()
        .catch((error: unknown) => {
          this.#options.log.debug("applications' connections are unknown", { reason: messageOf(error) });
        })
        .finally(() => {
          this.#timer = undefined;
          this.#wait();
        });
    }, this.#options.tickMs).unref();
  }

  async #look(): Promise<void> {
    const { connections, appOf, onFlood } = this.#options;
    const seen = new Map<number, Seen>();
    const counts = new Map<string, number>();
    const nowMs = performance.now();
    const floods = new Map<string, string>();
    for (const { cid, issuer_key, in_msgs: msgs, in_bytes: bytes } of await connections()) {
      const app = appOf(issuer_key);
      if (app === undefined) continue;
      const before = this.#seen.get(cid);
      seen.set(cid, { msgs, bytes });
      const more = msgs - (before?.msgs ?? 0) + (before ? 0 : connectionMessages);
      const moreBytes = bytes - (before?.bytes ?? 0);
      counts.set(app, (counts.get(app) ?? 0) + 1);
      const limit = this.#limits.get(app) ?? new EmitLimit(appRate, nowMs);
      this.#limits.set(app, limit);
      if (!limit.isOpen(nowMs) && more > 0)
        floods.set(app, `more than ${appRate.samplesPerS} messages or ${appRate.bytesPerS} bytes a second`);
      limit.charge(Math.max(0, more), Math.max(0, moreBytes));
    }
    this.#seen = seen;
    for (const [app, count] of counts)
      if (count > mostConnectionsOfOne)
        floods.set(app, `${count} connections, ${mostConnectionsOfOne} are allowed`);
    for (const [app, reason] of floods) {
      this.#limits.delete(app);
      onFlood(app, reason);
    }
  }
}
