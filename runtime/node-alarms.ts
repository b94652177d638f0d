import type { NatsConnection } from "@nats-io/transport-node";
import type { Bus } from "./bus/types.ts";
import { encodeJson } from "./senml/json.ts";
import type { SenmlRecord } from "./senml/record.ts";
import { apiAlarmSubject } from "./subjects.ts";

/** Tells of the node's alarms on its bus, in the account API: for the applications on this machine, as they happen. */
export class LiveAlarms {
  readonly #node: string;
  readonly #connection: NatsConnection;

  static async open(node: string, bus: Pick<Bus, "connectAlarms">): Promise<LiveAlarms> {
    return new LiveAlarms(node, await bus.connectAlarms());
  }

  private constructor(node: string, connection: NatsConnection) {
    this.#node = node;
    this.#connection = connection;
  }

  /** A pack of SenML, JSON: what is on disk of an alarm that was raised or cleared. */
  tell(name: string, records: readonly SenmlRecord[]): void {
    if (!this.#connection.isClosed())
      this.#connection.publish(apiAlarmSubject(this.#node, name), encodeJson(records));
  }

  async stop(): Promise<void> {
    await this.#connection.close();
  }
}
