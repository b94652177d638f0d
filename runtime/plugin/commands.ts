/**
 * Commands on their way to a driver's handlers, and the answers back.
 *
 * A request to `command.<point>` has a JSON value as its body, or none. The answer's body is the JSON of what the
 * handler returned (empty for `undefined`), or it has the error headers of ../emit-wire.ts: the code and message
 * of a `UmecError`, else `COMMAND_FAILED`. `COMMAND_UNKNOWN`: no handler for the point. `COMMAND_INVALID`: the
 * body is no JSON. `COMMAND_BUSY`: `maxUnderWay` handlers run, none waits. `COMMAND_TIMEOUT`: the handler took
 * longer than `timeoutMs`; its signal is aborted, and it counts as running until it returns.
 *
 * There is one subscription for all points, made with the first handler: a driver that takes no commands lets
 * their senders know at once ("no responders").
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Msg, NatsConnection } from "@nats-io/transport-node";
import { nameProblem, refusalFor, refusalHeaders } from "../emit-wire.ts";
import { messageOf, UmecError } from "../errors.ts";
import type { Log } from "../log.ts";
import { tokensToPath } from "../subjects.ts";
import type { CommandHandler } from "./contract.ts";

export interface CommandsOptions {
  /** In the plugin's own account. */
  connection: NatsConnection;
  log: Log;
  /** Ends the handlers that run and all answers. */
  signal: AbortSignal;
  /** @default 16 */
  maxUnderWay?: number;
  /** @default 30_000 */
  timeoutMs?: number;
}

const root = "command.";
const everyPoint = "*";

export class Commands {
  readonly #options: Required<CommandsOptions>;
  readonly #handlers = new Map<string, CommandHandler>();
  #subscribed = false;
  #underWay = 0;

  constructor(options: CommandsOptions) {
    this.#options = { maxUnderWay: 16, timeoutMs: 30_000, ...options };
  }

  /** As {@link Host.onCommand}; a second handler for a point takes the place of the first. */
  handle(point: string, handler: CommandHandler): void {
    const problem = point === everyPoint ? undefined : nameProblem(point);
    if (problem) throw new UmecError("COMMAND_POINT", `${JSON.stringify(point)} is no point: ${problem}`);
    // What goes wrong in the handler's own callbacks is the plugin's, wherever the message came from.
    this.#handlers.set(point, AsyncLocalStorage.bind(handler));
    if (this.#subscribed || this.#options.signal.aborted) return;
    this.#subscribed = true;
    const { connection, log, signal } = this.#options;
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
    try {
      const reply = await this.#call(point, message);
      message.respond(reply === undefined ? undefined : JSON.stringify(reply));
    } catch (error) {
      const refusal = refusalFor(error, "COMMAND_FAILED");
      if (refusal.code === "COMMAND_FAILED") log.warn(`command ${point} failed: ${refusal.text}`, { error });
      else log.debug(`command ${point} refused: ${refusal.text}`, { code: refusal.code });
      try {
        message.respond(undefined, { headers: refusalHeaders(refusal) });
      } catch (closed) {
        log.debug(`answer to ${point} not sent: ${messageOf(closed)}`);
      }
    }
  }

  async #call(point: string, message: Msg): Promise<unknown> {
    const { maxUnderWay, timeoutMs, signal } = this.#options;
    const handler = this.#handlers.get(point) ?? this.#handlers.get(everyPoint);
    if (!handler) throw new UmecError("COMMAND_UNKNOWN", `nothing takes commands at ${point}`);
    const value = parse(point, message);
    if (this.#underWay >= maxUnderWay) {
      throw new UmecError("COMMAND_BUSY", `${this.#underWay} commands are under way`, {
        hint: "send it again later",
      });
    }
    const late = new UmecError("COMMAND_TIMEOUT", `${point} took longer than ${timeoutMs} ms`);
    const controller = new AbortController();
    const stop = (): void => controller.abort(signal.reason);
    const timer = setTimeout(() => controller.abort(late), timeoutMs);
    signal.addEventListener("abort", stop, { once: true });
    this.#underWay += 1;
    const done = (async () => handler({ point, value }, controller.signal))().finally(() => {
      this.#underWay -= 1;
    });
    const { promise: ended, reject } = Promise.withResolvers<never>();
    controller.signal.addEventListener("abort", () => reject(controller.signal.reason), { once: true });
    try {
      return await Promise.race([done, ended]);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
    }
  }
}

function parse(point: string, message: Msg): unknown {
  if (message.data.length === 0) return undefined;
  try {
    return message.json();
  } catch (cause) {
    throw new UmecError("COMMAND_INVALID", `${point}: the value is no JSON: ${messageOf(cause)}`, { cause });
  }
}
