/**
 * Commands on their way to a driver's handlers, and the answers back (../command-wire.ts).
 *
 * What reaches a handler has passed, in this order: the expiry; JSON; the gate, which knows the plugin's points
 * (`COMMAND_UNKNOWN`, `COMMAND_READ_ONLY`, `COMMAND_INVALID`); and there is a handler (`COMMAND_NOT_READY` else).
 * `COMMAND_BUSY`: `maxUnderWay` commands run, none waits. `COMMAND_TIMEOUT`: the handler took longer than
 * `timeoutMs`; `COMMAND_EXPIRED`: longer than the command was good for. Its signal is aborted then, and it counts as
 * running until it returns. A handler that throws no `UmecError` is `COMMAND_FAILED`.
 *
 * Each command is one line of the log at `info`: who asked, for what, what came of it, and how long it took.
 *
 * There is one subscription for all points: from the start for a plugin with points, so that who asks too early or
 * for a point that is read only is told so, else from the first handler on. A plugin without either lets the senders
 * know at once ("no responders").
 *
 * A point with a safe value has a dead man's handle (commands-deadman.ts). Its commands go the same way to the
 * handler, but for the gate, the expiry and the bound: the target state was checked, and safety does not wait.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Msg, NatsConnection } from "@nats-io/transport-node";
import type { Clock } from "../clock.ts";
import { askerOf, encodeReply, timeLeftMs } from "../command-wire.ts";
import { nameProblem, refusalFor, refusalHeaders } from "../emit-wire.ts";
import { messageOf, UmecError } from "../errors.ts";
import type { Log } from "../log.ts";
import { maxReasonLength } from "../senml/quality.ts";
import { tokensToPath } from "../subjects.ts";
import { DeadMan } from "./commands-deadman.ts";
import { shownValue } from "./commands-shown.ts";
import type { Command, CommandHandler, Point, Sample } from "./contract.ts";

/** Judges commands by the points that a plugin offers. */
export interface CommandGate {
  /**
   * @param handled the points that have a handler, whether they are listed or not
   * @throws UmecError `COMMAND_UNKNOWN`, `COMMAND_READ_ONLY`, `COMMAND_INVALID`
   */
  check(point: string, value: unknown, handled: readonly string[]): Promise<void>;
}

export type MakeGate = (points: readonly Point[]) => CommandGate;

/** What a point is set to when nobody has commanded it for `afterMs`. */
export interface SafeValue {
  value: unknown;
  afterMs: number;
}

export interface CommandsOptions {
  /** In the plugin's own account. */
  connection: NatsConnection;
  log: Log;
  /** Ends the handlers that run and all answers. */
  signal: AbortSignal;
  /** For `Umec-Expires`. */
  clock: Clock;
  /** @default every point that has a handler takes every value */
  gate?: CommandGate;
  /** Whether the plugin has points: then they are answered for from the start. @default false */
  hasPoints?: boolean;
  /** By point. @default none */
  safe?: Readonly<Record<string, SafeValue>>;
  /** Told when a dead man's handle has acted, or could not. */
  event?: (sample: Sample) => Promise<void>;
  /** @default 16 */
  maxUnderWay?: number;
  /** @default 30_000 */
  timeoutMs?: number;
}

const root = "command.";
const everyPoint = "*";
const deadMan = "dead-man";

type Asked = Omit<Command, "withinMs">;
type Defaults = "maxUnderWay" | "timeoutMs" | "safe" | "event";

export class Commands {
  readonly #options: CommandsOptions & Required<Pick<CommandsOptions, Defaults>>;
  readonly #handlers = new Map<string, CommandHandler>();
  readonly #deadMen = new Map<string, DeadMan>();
  #subscribed = false;
  #underWay = 0;

  constructor(options: CommandsOptions) {
    this.#options = { maxUnderWay: 16, timeoutMs: 30_000, safe: {}, event: async () => {}, ...options };
    for (const [point, { value, afterMs }] of Object.entries(this.#options.safe)) {
      const { signal } = options;
      const set = (cause: "start" | "late"): Promise<void> => this.#setSafe(point, value, afterMs, cause);
      this.#deadMen.set(point, new DeadMan({ afterMs, signal, set }));
    }
    if (options.hasPoints) this.#subscribe();
  }

  /** As {@link Host.onCommand}; a second handler for a point takes the place of the first. */
  handle(point: string, handler: CommandHandler): void {
    const problem = point === everyPoint ? undefined : nameProblem(point);
    if (problem) throw new UmecError("COMMAND_POINT", `${JSON.stringify(point)} is no point: ${problem}`);
    // What goes wrong in the handler's own callbacks is the plugin's, wherever the message came from.
    this.#handlers.set(point, AsyncLocalStorage.bind(handler));
    this.#subscribe();
    for (const [name, handle] of this.#deadMen) if (point === name || point === everyPoint) handle.begin();
  }

  #subscribe(): void {
    const { connection, log, signal } = this.#options;
    if (this.#subscribed || signal.aborted) return;
    this.#subscribed = true;
    const subscription = connection.subscribe(`${root}>`, {
      callback: (error, message) => {
        if (error) log.error(`commands are not received: ${error.message}`);
        else void this.#answer(message);
      },
    });
    signal.addEventListener("abort", () => subscription.unsubscribe(), { once: true });
  }

  async #answer(message: Msg): Promise<void> {
    const { log } = this.#options;
    const point = tokensToPath(message.subject.slice(root.length));
    const by = askerOf(message);
    const startMs = performance.now();
    let asked = `command ${point}`;
    const line = (result: string): [string, Record<string, unknown>] => {
      const ms = Math.round(performance.now() - startMs);
      return [`${asked} by ${by}: ${result} (${ms} ms)`, { point, by, ms }];
    };
    try {
      const leftMs = timeLeftMs(message, this.#options.clock);
      const value = parse(point, message);
      if (value !== undefined) asked += ` = ${shownValue(value)}`;
      const reply = await this.#admit({ point, value, by }, leftMs);
      const { body, headers } = encodeReply(reply);
      log.info(...line(reply === undefined ? "done" : shownValue(reply)));
      message.respond(body, headers && { headers });
    } catch (error) {
      const refusal = refusalFor(error, "COMMAND_FAILED");
      const [text, facts] = line(`${refusal.code}: ${refusal.text}`);
      if (refusal.code === "COMMAND_FAILED") log.warn(text, { ...facts, error });
      else log.info(text, { ...facts, code: refusal.code });
      try {
        message.respond(undefined, { headers: refusalHeaders(refusal) });
      } catch (closed) {
        log.debug(`answer to ${point} not sent: ${messageOf(closed)}`);
      }
    }
  }

  /** A command that has come over the bus. */
  async #admit(asked: Asked, leftMs: number): Promise<unknown> {
    const { point, value } = asked;
    const { maxUnderWay, timeoutMs, gate } = this.#options;
    const arrivedMs = performance.now();
    if (this.#underWay >= maxUnderWay) {
      throw new UmecError("COMMAND_BUSY", `${this.#underWay} commands are under way`, {
        hint: "send it again later",
      });
    }
    const handled = [...this.#handlers.keys()];
    this.#underWay += 1;
    const free = (): void => {
      this.#underWay -= 1;
    };
    let handler: CommandHandler;
    try {
      await gate?.check(point, value, handled);
      handler = this.#handlerOf(point, gate !== undefined);
      await this.#deadMen.get(point)?.ready();
      leftMs -= performance.now() - arrivedMs;
      if (leftMs <= 0) throw new UmecError("COMMAND_EXPIRED", `${point}: it expired before it could begin`);
    } catch (error) {
      free();
      throw error;
    }
    const late =
      leftMs < timeoutMs
        ? new UmecError("COMMAND_EXPIRED", `${point} was not done before the command expired`)
        : new UmecError("COMMAND_TIMEOUT", `${point} took longer than ${timeoutMs} ms`);
    const ended = this.#deadMen.get(point)?.commanded();
    try {
      const reply = await this.#call(handler, asked, Math.min(leftMs, timeoutMs), late, free);
      ended?.(true);
      return reply;
    } catch (error) {
      ended?.(false);
      throw error;
    }
  }

  #handlerOf(point: string, known: boolean): CommandHandler {
    const handler = this.#handlers.get(point) ?? this.#handlers.get(everyPoint);
    if (handler) return handler;
    if (!known) throw new UmecError("COMMAND_UNKNOWN", `nothing takes commands at ${point}`);
    throw new UmecError("COMMAND_NOT_READY", `${point}: the driver does not take commands yet`, {
      hint: "send it again later",
    });
  }

  /** Settles as the handler does, or rejects with `late` after `timeoutMs`; `free` is called when it has returned. */
  async #call(
    handler: CommandHandler,
    asked: Asked,
    timeoutMs: number,
    late: UmecError,
    free: () => void = () => {},
  ): Promise<unknown> {
    const { signal } = this.#options;
    const controller = new AbortController();
    const stop = (): void => controller.abort(signal.reason);
    const timer = setTimeout(() => controller.abort(late), timeoutMs);
    signal.addEventListener("abort", stop, { once: true });
    const done = (async () => handler({ ...asked, withinMs: timeoutMs }, controller.signal))().finally(free);
    const { promise: ended, reject } = Promise.withResolvers<never>();
    controller.signal.addEventListener("abort", () => reject(controller.signal.reason), { once: true });
    try {
      return await Promise.race([done, ended]);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
    }
  }

  async #setSafe(point: string, value: unknown, afterMs: number, cause: "start" | "late"): Promise<void> {
    const { log, timeoutMs, signal } = this.#options;
    // A driver may give its handler before it has made what the handler uses.
    if (cause === "start") await nextTurn();
    if (signal.aborted) return;
    const startMs = performance.now();
    const handler = this.#handlers.get(point) ?? this.#handlers.get(everyPoint)!;
    const late = new UmecError("COMMAND_TIMEOUT", `${point} took longer than ${timeoutMs} ms`);
    const why = cause === "start" ? "the driver starts" : `no command for ${afterMs} ms`;
    const asked = `command ${point} = ${shownValue(value)} by ${deadMan}, as ${why}`;
    const facts = { point, by: deadMan };
    try {
      const reply = await this.#call(
        handler,
        { point, value: structuredClone(value), by: deadMan },
        timeoutMs,
        late,
      );
      const ms = Math.round(performance.now() - startMs);
      log.info(`${asked}: ${reply === undefined ? "done" : shownValue(reply)} (${ms} ms)`, { ...facts, ms });
      if (cause === "late") this.#tell({ name: `${point}/${deadMan}`, value: told(value) });
    } catch (error) {
      if (signal.aborted) return;
      const { code, text } = refusalFor(error, "COMMAND_FAILED");
      log.error(`${asked}: ${code}: ${text}; it is tried again`, { ...facts, code, error });
      const reason = `${code}: ${text}`.slice(0, maxReasonLength);
      this.#tell({ name: `${point}/${deadMan}`, value: told(value), quality: "bad", reason });
      throw error;
    }
  }

  #tell(sample: Sample): void {
    const { log, event, signal } = this.#options;
    event(sample).catch((error: unknown) => {
      if (!signal.aborted) log.error(`the event ${sample.name} was not stored: ${messageOf(error)}`);
    });
  }
}

/** A JSON value as a sample's. */
function told(value: unknown): number | string | boolean {
  const scalar = typeof value === "number" || typeof value === "string" || typeof value === "boolean";
  return scalar ? value : JSON.stringify(value);
}

function parse(point: string, message: Msg): unknown {
  if (message.data.length === 0) return undefined;
  try {
    return message.json();
  } catch (cause) {
    throw new UmecError("COMMAND_INVALID", `${point}: the value is no JSON: ${messageOf(cause)}`, { cause });
  }
}
