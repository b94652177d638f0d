import { join } from "node:path";
import { startBus } from "./bus/bus.ts";
import type { Bus } from "./bus/types.ts";
import type { HubServer } from "./hub/server.ts";
import { silentLog } from "./log.ts";
import { findNatsServer } from "./nats/find-server.ts";

export interface LinkedBusOptions {
  /** Its files go below it. */
  dir: string;
  hub: Pick<HubServer, "credentialsFile">;
  /** Of what stands before the hub's port for leaf nodes, on loopback. */
  port: number;
  /** @default n1 */
  node?: string;
}

/** A node's bus without plugins, linked by n1's credentials. */
export async function startLinkedBus({ dir, hub, port, node = "n1" }: LinkedBusOptions): Promise<Bus> {
  return startBus({
    node,
    dir: join(dir, "bus"),
    natsServerPath: (await findNatsServer()).path,
    plugins: [],
    link: {
      urls: [`nats-leaf://127.0.0.1:${port}`],
      credentialsFile: hub.credentialsFile("n1"),
      reconnectMs: 100,
    },
    log: silentLog,
  });
}
