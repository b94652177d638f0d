/**
 * What nats-server says about the leaf link.
 *
 * Changes come as events: nats-server reports each connection of the account that comes or goes, on
 * `$SYS.ACCOUNT.<account>.CONNECT` and `.DISCONNECT`, with kind `Leafnode` for the link. An event only says
 * that something changed; the state itself is asked for (`LEAFZ`), so a quick cut and return, or an event that
 * was missed while nats-server was started again, can't leave a wrong picture. Nothing polls.
 */
import type { NatsConnection } from "@nats-io/transport-node";
import { messageOf } from "../errors.ts";
import type { Log } from "../log.ts";
import type { LeafState } from "./types.ts";

interface LeafReport {
  data?: { leafs?: { name: string; account: string; rtt: string }[] | null };
}

export interface LeafWatchOptions {
  /** A user of the system account. */
  connection: NatsConnection;
  /** Public key of the link's account. */
  account: string;
  log: Log;
}

export class LeafWatch {
  readonly #connection: NatsConnection;
  readonly #account: string;
  readonly #log: Log;
  readonly #listeners = new Set<(connected: boolean) => void>();
  readonly #troubled = new Set<(reason: string) => void>();
  #trouble: string | undefined;
  #connected = false;
  #refreshing: Promise<void> | undefined;
  #again = false;

  constructor(options: LeafWatchOptions) {
    this.#connection = options.connection;
    this.#account = options.account;
    this.#log = options.log;
    for (const event of ["CONNECT", "DISCONNECT"]) {
      this.#connection.subscribe(`$SYS.ACCOUNT.${this.#account}.${event}`, {
        callback: (_, message) => {
          if (message.json<{ client?: { kind?: string } }>().client?.kind === "Leafnode") this.refresh();
        },
      });
    }
    void this.#watchConnection();
    this.refresh();
  }

  onChange(listener: (connected: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Calls `listener` with why an attempt failed, or the link was cut. */
  onTrouble(listener: (reason: string) => void): () => void {
    this.#troubled.add(listener);
    return () => void this.#troubled.delete(listener);
  }

  /** Takes a warning or error of nats-server's log; true when it only repeats why there is no link. */
  hear(line: string): boolean {
    const reason = parseTrouble(line);
    if (reason === undefined) return false;
    const again = reason === this.#trouble;
    this.#trouble = reason;
    for (const listener of [...this.#troubled]) listener(reason);
    return again;
  }

  /** @throws when nats-server does not answer within 3 s, though it may be started again meanwhile. */
  async state(): Promise<LeafState> {
    const report = await this.#ask(3);
    const leaf = report.data?.leafs?.find(({ account }) => account === this.#account);
    if (!leaf) return { connected: false };
    const rttMs = parseGoDuration(leaf.rtt);
    return { connected: true, remote: leaf.name, ...(rttMs ? { rttMs } : {}) };
  }

  /** Only this server hears the question: its system account is not linked to another's. */
  async #ask(tries: number): Promise<LeafReport> {
    try {
      const reply = await this.#connection.request("$SYS.REQ.SERVER.PING.LEAFZ", "", { timeout: 1000 });
      return reply.json<LeafReport>();
    } catch (error) {
      if (tries <= 1 || this.#connection.isClosed()) throw error;
      return this.#ask(tries - 1);
    }
  }

  /** Asks for the state, once more if asked again meanwhile. */
  refresh(): void {
    this.#again = true;
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
  }

  async #refresh(): Promise<void> {
    while (this.#again && !this.#connection.isClosed()) {
      this.#again = false;
      try {
        this.#set((await this.state()).connected);
      } catch (error) {
        this.#log.debug("leaf state unknown", { reason: messageOf(error) });
      }
    }
  }

  /** While nats-server is down there is no link, and after its return events may have been missed. */
  async #watchConnection(): Promise<void> {
    for await (const { type } of this.#connection.status()) {
      if (type === "disconnect") this.#set(false);
      else if (type === "reconnect") this.refresh();
    }
  }

  #set(connected: boolean): void {
    if (connected === this.#connected) return;
    this.#connected = connected;
    for (const listener of [...this.#listeners]) listener(connected);
  }
}

/** Why a link failed, as a line of nats-server's log says it; `undefined` when it is about something else. */
export function parseTrouble(line: string): string | undefined {
  const [, told] = /^\S+ - lid(?:_ws)?:\d+ - Leafnode Error '(.*)'$/.exec(line) ?? [];
  const [, handshake] = /^\S+ - lid(?:_ws)?:\d+ - (TLS leafnode handshake error: .*)$/.exec(line) ?? [];
  const [, dial] = /^Error trying to connect as leafnode .*?: (.*)$/.exec(line) ?? [];
  return told ?? handshake ?? dial;
}

/** Milliseconds of a Go duration such as `1m2.5s`, `688µs`, or `undefined` when it is none. */
export function parseGoDuration(text: string | undefined): number | undefined {
  if (!text || !/^(?:[\d.]+(?:h|m|s|ms|µs|us|ns))+$/.test(text)) return undefined;
  const units: Record<string, number> = {
    h: 3_600_000,
    m: 60_000,
    s: 1000,
    ms: 1,
    µs: 1e-3,
    us: 1e-3,
    ns: 1e-6,
  };
  let sum = 0;
  for (const [, count, unit] of text.matchAll(/([\d.]+)(h|ms|m|s|µs|us|ns)/g)) {
    sum += Number(count) * units[unit!]!;
  }
  return Number(sum.toFixed(6));
}
