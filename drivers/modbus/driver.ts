/**
 * The Modbus driver: polls any number of units behind one Modbus TCP server or gateway, or on one serial line, and
 * writes to them.
 *
 * The parts: `tcp` and `serial` carry bytes, `mbap` and `rtu-frame` wrap PDUs, `pipeline` and `rtu` match replies,
 * `connection` chooses among them, `client` keeps the connection. Above it all is the same: `plan` and `reader` decide which requests to send, `units` keeps dead units from delaying the others, `schedule` says
 * when, `values` turns registers into numbers, `commands` the other way round.
 */
import { defineDriver, type Host, isUmecError, messageOf, type UmecError } from "../../runtime/plugin/sdk.ts";
import { checkOptions } from "./check.ts";
import { type Client, createClient } from "./client.ts";
import { offerCommands } from "./commands.ts";
import { resolveUnits, type Unit } from "./config.ts";
import { type Connection, connectionOf } from "./connection.ts";
import { createDevice, createGroups, type Device, type Group } from "./device.ts";
import { defaults, type ModbusOptions, optionsSchema } from "./options.ts";
import { emitOnline, pollGroup } from "./schedule.ts";
import { createUnitHealth } from "./units.ts";

export const driver = defineDriver({
  manifest: {
    name: "modbus",
    version: "0.1.0",
    kind: "low",
    summary: "Polls and writes registers of Modbus devices: TCP, RTU on a serial line, RTU over TCP.",
    options: optionsSchema,
    points: (options) =>
      resolveUnits(options).flatMap(({ name, registers, broadcast }) => [
        ...(broadcast ? [] : [{ name: `${name}/online`, summary: "Whether the unit answers" }]),
        ...registers.map(({ name, unit, access, schema }) => ({
          name,
          access,
          ...(unit ? { unit } : {}),
          ...(access === "read" ? {} : { schema }),
        })),
      ]),
    check: checkOptions,
    needs: (options) => (options.transport === "serial" ? { devices: [options.path] } : { network: true }),
    deadlineMs,
  },
  run,
  async *discover(options) {
    const { discover } = await import("./discover.ts");
    yield* discover(options);
  },
});
export default driver;

/** Room for two polls of the slowest group, each of them waiting for timeouts. */
function deadlineMs(options: ModbusOptions): number {
  const slowest = Math.max(
    0,
    ...resolveUnits(options).flatMap(({ registers }) => registers.map(({ intervalMs }) => intervalMs)),
  );
  return Math.max(60_000, 2 * slowest + 10 * (options.timeoutMs ?? defaults.timeoutMs));
}

async function run(options: ModbusOptions, host: Host, signal: AbortSignal): Promise<void> {
  const connection = connectionOf(options);
  const { peer } = connection;
  const devices: PolledDevice[] = [];
  let wasConnected = false;
  let outage = false;
  /** Whether the server itself was away, not just units behind it: then all deserve a new chance. */
  let serverWasAway = true;

  function onState(error: UmecError | undefined): void {
    if (!error) {
      host.log.info(`connected to ${peer}`);
      wasConnected = true;
      outage = false;
      for (const device of devices) device.connected(serverWasAway);
      return;
    }
    if (signal.aborted) return;
    serverWasAway = !isUmecError(error.cause, "MODBUS_TIMEOUT");
    // Once for each outage, not for each attempt.
    host.log[outage ? "debug" : "warn"](`${peer}: ${error.message}`);
    outage = true;
    // A cut alone is mended by the next attempt; here there is nothing to connect to.
    if (!wasConnected) for (const device of devices) device.unreachable();
    wasConnected = false;
  }

  await using client = createClient({
    ...connection,
    timeoutMs: options.timeoutMs ?? defaults.timeoutMs,
    backoff: options.reconnect ?? defaults.reconnect,
    onState,
  });
  for (const unit of resolveUnits(options)) devices.push(pollDevice(unit, client, options, connection, host));

  if (devices.every(({ groups }) => groups.length === 0)) {
    // Only commands are served: the sign of life that polls would give.
    host.scheduler.every(deadlineMs(options) / 2, () => {});
  }
  const stopped = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => stopped.resolve(), { once: true });
  if (!signal.aborted) await stopped.promise;
}

interface PolledDevice {
  groups: Group[];
  connected(serverWasAway: boolean): void;
  unreachable(): void;
}

function pollDevice(
  unit: Unit,
  client: Client,
  options: ModbusOptions,
  { maxInFlight, probeMs }: Connection,
  host: Host,
): PolledDevice {
  const { readBack = defaults.readBack } = options;
  const title = `${unit.name} (unit ${unit.unit})`;
  const poll = (group: Group): Promise<void> => pollGroup(device, group, host, maxInFlight);
  const pollNow = (group: Group): void => {
    poll(group).catch((error: unknown) => host.log.warn(`${title}: ${messageOf(error)}`));
  };
  const health = createUnitHealth({
    name: title,
    nowMs: () => host.clock.monotonicMs(),
    timeoutMs: probeMs,
    backoff: options.quarantine ?? defaults.quarantine,
    offlineAfter: options.offlineAfter ?? defaults.offlineAfter,
    onChange(online) {
      if (unit.broadcast) return;
      if (online) host.log.info(`${title} answers`);
      else host.log.warn(`${title} is offline`);
      emitOnline(unit.name, online, host);
    },
    onRecovered: () => groups.forEach(pollNow),
    onQuarantine(ms) {
      const probed = groups[0];
      if (!probed) return;
      // Timers may be a little early.
      host.scheduler.sleep(ms + 2).then(
        () => pollNow(probed),
        () => {},
      );
    },
  });
  const device: Device = createDevice(unit, health, client);
  const groups = createGroups(unit, host);
  offerCommands(device, host, { readBack });
  for (const group of groups) host.scheduler.every(group.intervalMs, () => poll(group));
  return {
    groups,
    connected(serverWasAway) {
      if (serverWasAway) health.reconnected();
      groups.forEach(pollNow);
    },
    unreachable: () => health.unreachable(),
  };
}
