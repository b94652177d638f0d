/**
 * Watches what plugins' own processes do on the bus, and says who does too much.
 *
 * nats-server has no limit for how fast a client publishes. So the node looks, from the system account:
 *
 * - **At once**, by what nats-server tells unasked: its events about connections that come, go and are refused, and
 *   the lines of its log about refused publishes and subscriptions (complaints.ts). Each is a strike (limits.ts);
 *   strikes are forgiven with time, and who has too many floods. How fast packs come the outbox sees for itself,
 *   also at once (../outbox/ingest.ts).
 * - **Once in `tickMs`**, by one question for the messages and bytes of all watched accounts: only this sees a flood
 *   that reaches nobody, such as on `status` or on the plugin's own inbox. Only accounts of plugins that are processes
 *   are watched; a node that has none asks nothing. nats-server tells its counters unasked too, but 30 s apart.
 *
 * Drivers in the node's process are held by their host (../plugin/emitter.ts).
 *
 * The watch judges and tells; it cuts nobody off. A nats-server that is started again counts from 0, and so does the
 * watch.
 */
import type { NatsConnection } from "@nats-io/transport-node";
import { EmitLimit, type EmitRate } from "../emit-limit.ts";
import { messageOf, UmecError } from "../errors.ts";
import type { Log } from "../log.ts";
import { type Complaint, parseComplaint, refusalOfClosing } from "./complaints.ts";
import {
  type BusRefusal,
  forgivenPerS,
  headerBytes,
  mostStrikes,
  otherMessagesPerS,
  strikes,
} from "./limits.ts";
import type { PluginWatch, PluginWatchOptions } from "./types.ts";

export interface FloodWatchOptions {
  /** A user of the system account. */
  connection: NatsConnection;
  log: Log;
  /** Time between two looks at the counters, in milliseconds. */
  tickMs?: number;
}

interface Watched {
  plugin: string;
  options: PluginWatchOptions;
  limit: EmitLimit;
  /** As last told by nats-server. */
  received: Received | undefined;
  strikes: number;
  strikesMs: number;
  flooded: boolean;
}

interface Received {
  msgs: number;
  bytes: number;
}

interface Report {
  data?: { account_statz?: { acc: string; received: Received }[] | null };
}

interface ConnectionEvent {
  client?: { acc?: string; kind?: string };
  reason?: string;
}

/** The outbox lets the same through. */
const slack = 1.2;
const quietMs = 10_000;

export class FloodWatch {
  readonly #connection: NatsConnection;
  readonly #log: Log;
  readonly #tickMs: number;
  /** By public key of the account. */
  readonly #watched = new Map<string, Watched>();
  #timer: NodeJS.Timeout | undefined;
  #strangers = 0;
  #strangersMs = Number.NEGATIVE_INFINITY;

  constructor({ connection, log, tickMs = 250 }: FloodWatchOptions) {
    this.#connection = connection;
    this.#log = log;
    this.#tickMs = tickMs;
    const heard = (act: (event: ConnectionEvent) => void) => ({
      callback: (_: unknown, message: { json<T>(): T }) => act(message.json<ConnectionEvent>()),
    });
    connection.subscribe(
      "$SYS.ACCOUNT.*.CONNECT",
      heard(({ client }) =>
        this.#strike(client?.acc, "BUS_CONNECT", "too many connections one after another"),
      ),
    );
    connection.subscribe(
      "$SYS.ACCOUNT.*.DISCONNECT",
      heard(({ client, reason = "" }) => {
        const refusal = refusalOfClosing(reason);
        if (refusal) this.#take({ account: client?.acc, refusal });
      }),
    );
  }

  /** Takes a warning or error of nats-server's log, if it is about what a client did. */
  hear(line: string): boolean {
    const complaint = parseComplaint(line);
    if (complaint?.refusal) return this.#take(complaint);
    if (complaint) return complaint.account === undefined || this.#watched.has(complaint.account);
    if (!/ - cid:\d+ - authentication error$/.test(line)) return false;
    this.#stranger();
    return true;
  }

  watch(plugin: string, account: string, options: PluginWatchOptions): PluginWatch {
    const watched: Watched = {
      plugin,
      options,
      limit: new EmitLimit(messageRate(options.limits), performance.now()),
      received: undefined,
      strikes: 0,
      strikesMs: performance.now(),
      flooded: false,
    };
    this.#watched.set(account, watched);
    this.#timer ??= setTimeout(() => void this.#tick(), this.#tickMs).unref();
    return {
      setLimits(limits) {
        watched.limit.rate = messageRate(limits);
      },
      forgive() {
        watched.flooded = false;
        watched.strikes = 0;
        watched.limit = new EmitLimit(messageRate(watched.options.limits), performance.now());
      },
      stop: () => {
        if (this.#watched.get(account) === watched) this.#watched.delete(account);
      },
    };
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#watched.clear();
  }

  /** Whether the account is watched. */
  #take({ account, refusal }: Complaint): boolean {
    const watched = account === undefined ? undefined : this.#watched.get(account);
    if (!watched || !refusal) return false;
    watched.options.onRefused(refusal);
    this.#strike(account, refusal.code as BusRefusal, `nats-server refused too much, last: ${refusal.text}`);
    return true;
  }

  #strike(account: string | undefined, code: keyof typeof strikes, text: string): void {
    const watched = account === undefined ? undefined : this.#watched.get(account);
    if (!watched) return;
    const nowMs = performance.now();
    const forgiven = ((nowMs - watched.strikesMs) / 1000) * forgivenPerS;
    watched.strikes = Math.max(0, watched.strikes - forgiven) + strikes[code];
    watched.strikesMs = nowMs;
    if (watched.strikes > mostStrikes) this.#flood(watched, text);
  }

  #flood(watched: Watched, text: string): void {
    if (watched.flooded) return;
    watched.flooded = true;
    const hint = "the program must keep to what docs/foreign-plugins.md allows, and to the plugin's limits";
    watched.options.onFlood(new UmecError("PLUGIN_FLOOD", text, { hint }));
  }

  async #tick(): Promise<void> {
    this.#timer = undefined;
    if (this.#watched.size === 0 || this.#connection.isClosed()) return;
    try {
      await this.#look();
    } catch (error) {
      this.#log.debug("the plugins' counters are unknown", { reason: messageOf(error) });
    }
    if (!this.#connection.isClosed())
      this.#timer ??= setTimeout(() => void this.#tick(), this.#tickMs).unref();
  }

  async #look(): Promise<void> {
    const body = JSON.stringify({ accounts: [...this.#watched.keys()] });
    const answer = await this.#connection.request("$SYS.REQ.ACCOUNT.PING.STATZ", body, { timeout: 1000 });
    for (const { acc, received } of answer.json<Report>().data?.account_statz ?? []) {
      const watched = this.#watched.get(acc);
      if (watched) this.#judge(watched, received);
    }
  }

  #judge(watched: Watched, { msgs, bytes }: Received): void {
    const before = watched.received;
    watched.received = { msgs, bytes };
    if (!before || msgs < before.msgs) return;
    const more = msgs - before.msgs;
    const moreBytes = Math.max(0, bytes - before.bytes - headerBytes * more);
    const open = watched.limit.isOpen(performance.now());
    watched.limit.charge(more, moreBytes);
    // One message may overdraw; as many as a second may have, on top of a burst, need not be waited for once more.
    if (more === 0 || (open && watched.limit.overdrawnS <= 1)) return;
    this.#flood(
      watched,
      `more on the bus than its limits allow: ${more} messages, ${moreBytes} bytes in ${this.#tickMs} ms`,
    );
  }

  /** Whoever it is, it is not known to be a plugin. */
  #stranger(): void {
    this.#strangers++;
    const nowMs = performance.now();
    if (nowMs - this.#strangersMs < quietMs) return;
    this.#strangersMs = nowMs;
    this.#log.warn("somebody on this machine was refused by the bus: wrong or void credentials", {
      times: this.#strangers,
    });
    this.#strangers = 0;
  }
}

function messageRate({ samplesPerS, bytesPerS }: EmitRate): EmitRate {
  return { samplesPerS: slack * samplesPerS + otherMessagesPerS, bytesPerS: slack * bytesPerS };
}
