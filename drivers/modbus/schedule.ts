/**
 * When each device is polled.
 *
 * Each group of registers with one interval and one priority has a tick of its own, and sends its requests one after
 * another (or, if the server can take it, `maxInFlight` at once), so that in the client's queue the devices of one
 * priority take turns; how the priorities do is in `priority.ts`. A poll ends in one `emit` with all that was read, and
 * with what has no value any more (`trouble.ts`). A tick during a poll of its group is left out. In
 * quarantine ticks do nothing; the device is probed when its backoff has passed, and as soon as it answers,
 * or a new connection stands, all its groups are polled at once.
 */
import { type Host, isUmecError, messageOf, type Sample } from "../../runtime/plugin/sdk.ts";
import type { Register } from "./config.ts";
import type { Device, Group } from "./device.ts";
import { isSilence } from "./errors.ts";
import type { Read } from "./plan.ts";
import type { Admission } from "./units.ts";

/** Reads all of a group and emits it. Does nothing in quarantine or while the last poll still runs. */
export async function pollGroup(
  device: Device,
  group: Group,
  host: Host,
  maxInFlight: number,
): Promise<void> {
  if (group.busy) return;
  const { priority } = group;
  group.busy = true;
  try {
    const admission = admitted(device);
    if (!admission) return;
    // A unit of which nothing is known, or the worst, gets one request at a time.
    const window = device.health.online ? maxInFlight : 1;
    const before = device.answers;
    const silent: { register: Register; reason: string }[] = [];
    const ask = (read: Read<Register>): Promise<Buffer> =>
      device.read(read, admission, { priority }).catch((error: unknown) => {
        if (isSilence(error) || isUmecError(error, "MODBUS_FRAME"))
          for (const register of read.items) silent.push({ register, reason: messageOf(error) });
        throw error;
      });
    await group.reader.poll(ask, window).catch(expected);
    const answers = { before, now: device.answers };
    for (const { register, reason } of silent) group.troubles.silent(register, reason, answers);
    const bad = group.troubles.untold();
    if (group.values.length + bad.length === 0) return;
    // The end of the poll: its start may lie a dead unit's timeout before.
    const time = host.clock.known() ? { timeMs: host.clock.nowMs() } : {};
    const samples = group.values.map(
      ({ register: { name, unit }, value }): Sample => ({ name, value, ...(unit ? { unit } : {}), ...time }),
    );
    for (const { register, reason } of bad) {
      const { name, unit } = register;
      samples.push({ name, value: null, quality: "bad", reason, ...(unit ? { unit } : {}), ...time });
    }
    await host.emit(samples);
    group.troubles.told(bad);
  } finally {
    group.values = [];
    group.busy = false;
  }
}

function admitted({ health }: Device): Admission | undefined {
  try {
    return health.admit();
  } catch (error) {
    expected(error);
    return undefined;
  }
}

/** The device's health has these in hand, and has told who must know. */
function expected(error: unknown): void {
  const known = ["MODBUS_TIMEOUT", "MODBUS_DISCONNECTED", "MODBUS_UNIT_OFFLINE", "MODBUS_EXCEPTION"];
  if (!known.some((code) => isUmecError(error, code))) throw error;
}

/** Says whether the device is there: an alarm, since all its values stop with it. */
export function emitOnline(device: string, online: boolean, host: Host): void {
  const sample: Sample = { name: `${device}/online`, value: online };
  if (host.clock.known()) sample.timeMs = host.clock.nowMs();
  host
    .emit([sample], { lane: "alarm" })
    .catch((error: unknown) => host.log.warn(`${sample.name} was not stored: ${messageOf(error)}`));
}
