import { type Host, UmecError } from "../../../runtime/plugin/sdk.ts";
import type { BusDevice } from "./bus-device.ts";
import type { Health } from "./health.ts";

/** Commands for one device that may wait for each other. */
const maxWaiting = 16;

export interface CommandsOptions {
  device: BusDevice;
  /** Code of the error of a command that comes while 16 wait. */
  busyCode: string;
  health: Health;
  host: Host;
}

/** Answers commands for all quantities that can be written, one after another: the reply is `{ value }`. */
export function offerCommands({ device, busyCode, health, host }: CommandsOptions): void {
  const { name, quantities } = device;
  const write = device.write?.bind(device);
  if (!write) return;
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  for (const { name: quantity, access = "read" } of quantities) {
    if (access === "read") continue;
    host.onCommand(`${name}/${quantity}`, ({ value }, signal) => {
      if (waiting >= maxWaiting) {
        throw new UmecError(busyCode, `${waiting} commands for ${name} wait already`);
      }
      waiting += 1;
      const turn = last.then(async () => {
        signal.throwIfAborted();
        health.admitCommand();
        return { value: await write(quantity, value) };
      });
      last = turn.catch(() => {});
      return turn.finally(() => {
        waiting -= 1;
      });
    });
  }
}
