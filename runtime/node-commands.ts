import type { NatsConnection } from "@nats-io/transport-node";
import type { Bus } from "./bus/types.ts";
import { sendCommand } from "./commands/send.ts";
import type { LocalCommand } from "./control.ts";
import { apiCommandSubject } from "./subjects.ts";

/** Commands from this machine's users on their way to the plugins; connects to the bus with the first one. */
export class NodeCommands {
  readonly #node: string;
  readonly #bus: Bus;
  #connection: Promise<NatsConnection> | undefined;

  constructor(node: string, bus: Bus) {
    this.#node = node;
    this.#bus = bus;
  }

  async send({ plugin, point, value, ttlMs, by }: LocalCommand): Promise<unknown> {
    this.#connection ??= this.#bus.connectApi();
    const connection = await this.#connection.catch((error: unknown) => {
      this.#connection = undefined;
      throw error;
    });
    const subject = apiCommandSubject(this.#node, plugin, point);
    return sendCommand(connection, { subject, name: `${plugin}/${point}`, value, by, ttlMs, remote: false });
  }

  async stop(): Promise<void> {
    const connection = await this.#connection?.catch(() => undefined);
    await connection?.close();
  }
}
