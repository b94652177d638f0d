import { UmecError } from "../../runtime/errors.ts";
import type { GpioHandle } from "./devices/gpio/handle.ts";
import type { I2cHandle } from "./devices/i2c/handle.ts";
import type { SerialHandle } from "./devices/serial/handle.ts";
import type {
  AfterStart,
  BeforeStart,
  DeviceAttachment,
  DeviceHandles,
  MachineName,
} from "./devices/types.ts";

interface Kinds {
  i2c: I2cHandle;
  gpio: GpioHandle;
  serial: SerialHandle;
}

/** All that hangs on one board; `devices/types.ts` says in which order it is called. */
export class DeviceRack {
  readonly #devices: readonly DeviceAttachment[];

  /** @throws UmecError `DEVICES_CLASH` when two have one id, or both want the serial port */
  constructor(devices: readonly DeviceAttachment[]) {
    this.#devices = devices;
    const ids = devices.map(({ id }) => id);
    const twice = ids.find((id, index) => ids.indexOf(id) !== index);
    if (twice !== undefined) throw new UmecError("DEVICES_CLASH", `two devices have the id ${twice}`);
    const serial = devices.filter((device) => device.serialArg);
    if (serial.length < 2) return;
    const names = serial.map(({ id }) => id).join(" and ");
    throw new UmecError("DEVICES_CLASH", `the board has one free serial port, and ${names} want it`);
  }

  args(machine: MachineName, dir: string): string[] {
    return this.#devices.flatMap((device) => device.qemuArgs(machine, dir));
  }

  serialArg(machine: MachineName): string | undefined {
    return this.#devices.map((device) => device.serialArg?.(machine)).find((arg) => arg !== undefined);
  }

  sharesMemory(machine: MachineName): boolean {
    return this.#devices.some((device) => device.memory?.(machine) === "shared-memory");
  }

  async beforeStart(context: BeforeStart): Promise<void> {
    for (const device of this.#devices) await device.beforeStart?.(context);
  }

  async afterStart(context: AfterStart): Promise<void> {
    for (const device of this.#devices) await device.afterStart?.(context);
  }

  async afterExit(): Promise<void> {
    for (const device of this.#devices) await device.afterExit?.();
  }

  async stop(): Promise<void> {
    for (const device of this.#devices) await device.stop();
  }

  /** @throws UmecError `DEVICE_UNKNOWN` with the names that there are */
  handle<K extends keyof Kinds>(kind: K, name: string): Kinds[K] {
    const names: string[] = [];
    for (const { handles } of this.#devices) {
      const named: DeviceHandles[K] = handles[kind];
      const handle = named?.get(name) as Kinds[K] | undefined;
      if (handle) return handle;
      names.push(...(named?.keys() ?? []));
    }
    throw new UmecError(
      "DEVICE_UNKNOWN",
      `nothing on the board's ${kind} is called ${name}; there is ${names.join(", ") || "nothing"}`,
      { hint: "name it in `devices` of Board.boot" },
    );
  }
}
