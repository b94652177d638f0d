import type { NatsConnection } from "@nats-io/transport-node";
import type { Bus } from "./bus/types.ts";
import type { Clock } from "./clock.ts";
import { makeGate } from "./commands/gate.ts";
import { messageOf, UmecError } from "./errors.ts";
import type { Handover } from "./handover/give.ts";
import type { Log } from "./log.ts";
import { PluginGuard } from "./node-guard.ts";
import { createProcessPart, type NodeProcesses, type ProcessPart } from "./node-process.ts";
import { type Ingest, startIngest } from "./outbox/ingest.ts";
import type { Outbox } from "./outbox/outbox.ts";
import type { SampleWatch } from "./outbox/types.ts";
import type { Driver, Objects, Secrets, TimeReading } from "./plugin/contract.ts";
import { openState, type StateFile } from "./plugin/state.ts";
import type { PluginStatus } from "./plugin/status.ts";
import { type SupervisedPlugin, supervisePlugin } from "./plugin/supervisor.ts";
import { handOverCode } from "./process/program.ts";
import type { PluginTarget } from "./target/types.ts";

/** A driver that takes longer to stop is left behind: the node itself has 5 s. */
const graceMs = 2_000;

export interface NodePluginOptions {
  bus: Bus;
  outbox: Outbox;
  clock: Clock;
  secrets: Secrets;
  /** The plugin's own directory. */
  dir: string;
  objects: Objects;
  offerTime(reading: TimeReading): void;
  /** Looks at what the plugin has stored. */
  watch: SampleWatch;
  load(driver: string): Promise<Driver>;
  processes: NodeProcesses;
  log: Log;
}

/** One plugin of the node: its way into the outbox, and the driver that fills it. */
export interface NodePlugin {
  status(): PluginStatus;
  /** Calls `listener` at each change of the state. */
  onChange(listener: () => void): void;
  adjust(target: PluginTarget): Promise<void>;
  /**
   * The driver first, then its way into the outbox: what it emitted is stored.
   *
   * @param handover where a program is left, instead of its end
   */
  stop(handover?: Handover): Promise<void>;
}

export async function startNodePlugin(target: PluginTarget, options: NodePluginOptions): Promise<NodePlugin> {
  const { bus, outbox, clock, secrets, load, log, watch } = options;
  const state = await openState({ dir: options.dir, log: log.child({ plugin: target.name }) });
  const { process: own, safe, ...plain } = target;
  const part =
    own && createProcessPart({ ...target, process: own }, options.processes, { bus, graceMs, log });
  const guard = new PluginGuard({
    plugin: target.name,
    bus,
    limits: target.limits,
    clock,
    log,
    isProcess: own !== undefined,
  });
  const uplink = await bus.connectOutbox(target.name);
  const ingest = await startIngest({
    connection: uplink,
    plugin: target.name,
    outbox,
    clock,
    limits: target.limits,
    watch: part?.watch(watch) ?? watch,
    seen: options.processes.inheritance()?.seen(target.name),
    onRefused: (refusal) => guard.refused(refusal),
    onFlood(error) {
      if (!guard.flooded(error)) return false;
      // What nats-server still holds for this connection goes with it: it need not be read.
      uplink.reconnect().catch((cause: unknown) => log.debug(messageOf(cause)));
      return true;
    },
    log: log.child({ plugin: target.name }),
  });
  const plugin = supervisePlugin({
    // Safe values are held where the points are known: of an isolated driver in its own process.
    target: (own && !own.exec) || !safe ? plain : { ...plain, safe },
    driver: part?.driver ?? (() => load(target.driver)),
    async connect() {
      guard.begin();
      const connection = await bus.connectPlugin(target.name);
      part?.connected(connection);
      return connection;
    },
    clock,
    secrets,
    services: { state, objects: options.objects, offerTime: (reading) => options.offerTime(reading) },
    log,
    graceMs,
    makeGate,
  });
  part?.attach(plugin);
  guard.attach((error, waitMs) => plugin.fail(error, waitMs));
  return handle(target, plugin, ingest, uplink, state, part, guard);
}

function handle(
  target: PluginTarget,
  plugin: SupervisedPlugin,
  ingest: Ingest,
  uplink: NatsConnection,
  state: StateFile,
  part: ProcessPart | undefined,
  guard: PluginGuard,
): NodePlugin {
  return {
    status: () => ({ ...plugin.status(), ...part?.status(), ...guard.status() }),
    onChange: (listener) => void plugin.onChange(listener),
    async adjust(next) {
      plugin.adjust(next);
      ingest.setLimits(next.limits);
      guard.setLimits(next.limits);
    },
    async stop(handover) {
      part?.leaveTo(handover);
      await plugin.stop(handover && new UmecError(handOverCode, "the plugin goes on under other scripts"));
      await guard.stop();
      await state.settle();
      await ingest.stop();
      handover?.seen(target.name, ingest.seen());
      await uplink.close();
    },
  };
}
