import type { NatsConnection } from "@nats-io/transport-node";
import type { Bus } from "./bus/types.ts";
import type { Clock } from "./clock.ts";
import type { Log } from "./log.ts";
import { type Ingest, startIngest } from "./outbox/ingest.ts";
import type { Outbox } from "./outbox/outbox.ts";
import type { Driver, Secrets } from "./plugin/contract.ts";
import type { PluginStatus } from "./plugin/status.ts";
import { type SupervisedPlugin, supervisePlugin } from "./plugin/supervisor.ts";
import type { PluginTarget } from "./target/types.ts";

/** A driver that takes longer to stop is left behind: the node itself has 5 s. */
const graceMs = 2_000;

export interface NodePluginOptions {
  bus: Bus;
  outbox: Outbox;
  clock: Clock;
  secrets: Secrets;
  load(driver: string): Promise<Driver>;
  log: Log;
}

/** One plugin of the node: its way into the outbox, and the driver that fills it. */
export interface NodePlugin {
  status(): PluginStatus;
  adjust(target: PluginTarget): Promise<void>;
  /** The driver first, then its way into the outbox: what it emitted is stored. */
  stop(): Promise<void>;
}

export async function startNodePlugin(target: PluginTarget, options: NodePluginOptions): Promise<NodePlugin> {
  const { bus, outbox, clock, secrets, load, log } = options;
  const uplink = await bus.connectOutbox(target.name);
  const ingest = await startIngest({
    connection: uplink,
    plugin: target.name,
    outbox,
    clock,
    limits: target.limits,
    log: log.child({ plugin: target.name }),
  });
  const plugin = supervisePlugin({
    target,
    driver: () => load(target.driver),
    connect: () => bus.connectPlugin(target.name),
    clock,
    secrets,
    log,
    graceMs,
  });
  return handle(plugin, ingest, uplink);
}

function handle(plugin: SupervisedPlugin, ingest: Ingest, uplink: NatsConnection): NodePlugin {
  return {
    status: () => plugin.status(),
    async adjust(target) {
      plugin.adjust(target);
      ingest.setLimits(target.limits);
    },
    async stop() {
      await plugin.stop();
      await ingest.stop();
      await uplink.close();
    },
  };
}
