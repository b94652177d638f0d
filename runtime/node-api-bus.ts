/**
 * The node at the bus for applications (bus/apps.ts): it publishes the readings that somebody was granted, one point in
 * a message, and takes commands.
 *
 * A command is judged like one by HTTP: the application, as nats-server vouches for it, must have the scope
 * `things_write` and a pattern that means the point, now and not only when it got its credentials. Each has as many
 * commands a second as it has requests, and {@link mostUnderWay} that run. Who asks is `app <name>`, whatever the
 * request says.
 *
 * nats-server does not judge the reply subject of a request that crosses accounts: who may command a point can have the
 * answer delivered at any subject of applications. So an answer is never a list, and can't pass for a reading; and one
 * that comes back as a command is nobody's, and refused.
 */
import type { Msg, NatsConnection } from "@nats-io/transport-node";
import { fitsPattern } from "./api/patterns.ts";
import { senmlText } from "./api/things/reading.ts";
import type { ApiNode, AppTarget, Reading } from "./api/types.ts";
import type { AppsBus } from "./bus/types.ts";
import type { Clock } from "./clock.ts";
import { encodeReply, timeLeftMs } from "./command-wire.ts";
import { EmitLimit } from "./emit-limit.ts";
import { refusalFor, refusalHeaders } from "./emit-wire.ts";
import { messageOf, UmecError } from "./errors.ts";
import type { Log } from "./log.ts";
import { pathToTokens, tokensToPath } from "./subjects.ts";

export interface NodeApiBusOptions {
  node: ApiNode;
  bus: AppsBus;
  /** All readings; returns a function that ends it. */
  watchAll(listener: (reading: Reading) => void): () => void;
  /** Of the target state, as it is now. */
  apps(): readonly AppTarget[];
  requestsPerS(): number;
  clock: Clock;
  log: Log;
}

/** Commands of one application at once. */
const mostUnderWay = 16;
/** A driver gives a handler no more than this. */
const longestMs = 30_000;

interface Asker {
  limit: EmitLimit;
  underWay: number;
}

export class NodeApiBus {
  readonly #options: NodeApiBusOptions;
  readonly #connections: NatsConnection[] = [];
  readonly #askers = new Map<string, Asker>();
  readonly #subjects = new Map<string, string>();
  #end = (): void => {};

  static async open(options: NodeApiBusOptions): Promise<NodeApiBus> {
    const opened = new NodeApiBus(options);
    try {
      await opened.#open();
      return opened;
    } catch (error) {
      await opened.stop();
      throw error;
    }
  }

  private constructor(options: NodeApiBusOptions) {
    this.#options = options;
  }

  async stop(): Promise<void> {
    this.#end();
    await Promise.all(this.#connections.map((connection) => connection.close()));
  }

  async #open(): Promise<void> {
    const { bus, node, watchAll, log } = this.#options;
    const readings = await bus.connect();
    this.#connections.push(readings);
    const door = await bus.connectDoor();
    this.#connections.push(door);
    this.#end = watchAll((reading) => this.#publish(readings, reading));
    door.subscribe(`umec.${node.name}.*.command.>`, {
      callback: (error, message) => {
        if (error) log.error(`commands of applications are not received: ${error.message}`);
        else void this.#answer(message);
      },
    });
    await door.flush();
  }

  #publish(connection: NatsConnection, reading: Reading): void {
    const { node, bus, log } = this.#options;
    const path = `${reading.plugin}/${reading.point}`;
    let subject = this.#subjects.get(path);
    if (subject === undefined) {
      subject = `umec.${node.name}.${reading.plugin}.telemetry.${pathToTokens(reading.point)}`;
      if (this.#subjects.size >= mostSubjects) this.#subjects.clear();
      this.#subjects.set(path, subject);
    }
    if (!bus.isHeard(subject)) return;
    try {
      connection.publish(subject, senmlText(node.name, [reading]));
    } catch (error) {
      log.debug(`${path} is not published to applications: ${messageOf(error)}`);
    }
  }

  async #answer(message: Msg): Promise<void> {
    try {
      const value = await this.#command(message);
      const { body, headers } = encodeReply(Array.isArray(value) ? { value } : value);
      message.respond(body, headers && { headers });
    } catch (error) {
      message.respond(undefined, { headers: refusalHeaders(refusalFor(error, "COMMAND_FAILED")) });
    }
  }

  async #command(message: Msg): Promise<unknown> {
    const { bus, node, apps, clock } = this.#options;
    const [, , plugin = "", , ...tokens] = message.subject.split(".");
    const point = tokensToPath(tokens.join("."));
    const name = bus.senderOf(message);
    const app = apps().find((one) => one.name === name);
    const may =
      app?.scopes.includes("things_write") &&
      app.write.some((pattern) => fitsPattern(pattern, `${plugin}/${point}`));
    if (!app || !may)
      throw new UmecError(
        "COMMAND_FORBIDDEN",
        `${name ?? "nobody known"} may not command ${plugin}/${point}`,
        {
          hint: "name the point under write in the target state, and things_write under scopes",
        },
      );
    const asker = this.#asker(app.name);
    if (!asker.limit.isOpen(clock.monotonicMs()) || asker.underWay >= mostUnderWay)
      throw new UmecError("COMMAND_BUSY", `${app.name} sends too many commands`, { hint: "wait a second" });
    asker.limit.charge(1, 0);
    asker.underWay++;
    try {
      const ttlMs = Math.max(1, Math.min(longestMs, Math.round(timeLeftMs(message, clock))));
      const value = bodyOf(message, point);
      return await node.command({ plugin, point, value, ttlMs, by: `app ${app.name}` });
    } finally {
      asker.underWay--;
    }
  }

  #asker(app: string): Asker {
    const rate = { samplesPerS: this.#options.requestsPerS(), bytesPerS: Number.MAX_SAFE_INTEGER };
    const known = this.#askers.get(app);
    if (known) {
      known.limit.rate = rate;
      return known;
    }
    const asker = { limit: new EmitLimit(rate, this.#options.clock.monotonicMs()), underWay: 0 };
    this.#askers.set(app, asker);
    return asker;
  }
}

const mostSubjects = 4096;

function bodyOf(message: Msg, point: string): unknown {
  if (message.data.length === 0) return undefined;
  try {
    return JSON.parse(message.string());
  } catch (cause) {
    throw new UmecError("COMMAND_INVALID", `${point}: the body is no JSON: ${messageOf(cause)}`, { cause });
  }
}
