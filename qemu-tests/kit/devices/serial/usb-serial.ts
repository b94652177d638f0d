import { setTimeout as delay } from "node:timers/promises";
import { ModbusSlave } from "../../../../drivers/modbus/simulator-rtu.ts";
import { isUmecError, UmecError } from "../../../../runtime/errors.ts";
import type { DeviceAttachment, MachineName, QmpPort } from "../types.ts";
import type { SerialPortOptions } from "./attachment.ts";
import type { SerialHandle } from "./handle.ts";
import { lineServer } from "./line-server.ts";

export interface UsbSerialOptions extends SerialPortOptions {
  /** @default "usb485"; it is also the converter's serial number */
  id?: string;
  /** Whether it is plugged in at the board's start. @default true */
  plugged?: boolean;
}

/** A USB serial converter; `board.serial(id)` gives its {@link SerialHandle}, a test holds all of it. */
export interface UsbSerial extends DeviceAttachment, SerialHandle {
  /** Its tty in the guest, by who it is: below `/dev/serial/by-id`. */
  readonly path: string;
  /** Pulls it out; what was on its way is lost. Resolves when the controller has seen it go. */
  unplug(): Promise<void>;
  /** Plugs it in, at once or, without power, for the next start. Resolves when the controller has it. */
  plug(): Promise<void>;
}

/** Where it is plugged in: on virt into a controller of its own, else into one of the chip's. */
const places: Readonly<Record<MachineName, (id: string) => { args: string[]; bus: string }>> = {
  virt: (id) => ({ args: ["-device", `qemu-xhci,id=${id}-xhci`], bus: `${id}-xhci.0` }),
  // The second: the first is the Type-C socket, which waits for a port controller that QEMU lacks.
  "imx8mp-evk": () => ({ args: [], bus: "usb-bus.1" }),
  raspi3b: () => ({ args: [], bus: "usb-bus.0" }),
};

/**
 * A USB serial converter (QEMU's FTDI FT232) with Modbus slaves behind it, which may be pulled out and plugged in. It
 * gets its line with the plug: QEMU connects to the slaves anew, so that nothing of before comes late, as it would not
 * on a wire. Whether it is plugged in outlives the power. See {@link lineServer} for what its line can't show.
 */
export function usbSerial({ id = "usb485", units = {}, plugged = true }: UsbSerialOptions = {}): UsbSerial {
  const slave = new ModbusSlave(units);
  const line = lineServer(id, (socket) => slave.serve(socket));
  const device = `${id}-plug`;
  let guest: { qmp: QmpPort; bus: string; path: string } | undefined;

  async function attach(): Promise<void> {
    if (!guest) return;
    const { qmp, bus, path } = guest;
    const backend = { type: "socket", data: { addr: { type: "unix", data: { path } }, server: false } };
    await qmp.execute("chardev-add", { id, backend });
    await qmp.execute("device_add", { driver: "usb-serial", id: device, bus, chardev: id, serial: id });
  }

  const port: UsbSerial = {
    id,
    name: id,
    slave,
    path: `/dev/serial/by-id/usb-QEMU_QEMU_USB_SERIAL_${id}-if00-port0`,
    qemuArgs: (machine) => places[machine](id).args,
    beforeStart: (context) => line.beforeStart?.(context) ?? Promise.resolve(),
    async afterStart({ qmp, machine, dir }) {
      guest = { qmp, bus: places[machine](id).bus, path: line.socketPath(dir) };
      if (plugged) await attach();
    },
    async afterExit() {
      guest = undefined;
    },
    stop: () => line.stop(),
    async plug() {
      if (plugged) return;
      plugged = true;
      await attach();
    },
    async unplug() {
      if (!plugged) return;
      plugged = false;
      if (!guest) return;
      const { qmp } = guest;
      // The line first: QEMU 10 crashes when a byte comes for a converter that is half gone (usb_wakeup without a bus).
      line.cut();
      await untilSo(id, () => lineIsCut(qmp, id));
      await qmp.execute("device_del", { id: device });
      await untilSo(id, () => lineIsFree(qmp, id));
    },
    handles: {
      get serial(): ReadonlyMap<string, SerialHandle> {
        return new Map([[id, port]]);
      },
    },
  };
  return port;
}

/** QEMU tells nobody when a line has ended and when its device has let go of it: it is asked until it is so. */
async function untilSo(id: string, look: () => Promise<boolean>): Promise<void> {
  const untilMs = performance.now() + 10_000;
  while (!(await look())) {
    if (performance.now() > untilMs) {
      throw new UmecError("DEVICE_STAYS", `${id} was pulled out and QEMU still has it after 10 s`);
    }
    await delay(20);
  }
}

async function lineIsCut(qmp: QmpPort, id: string): Promise<boolean> {
  const lines = (await qmp.execute("query-chardev")) as { label: string; filename: string }[];
  return lines.some(({ label, filename }) => label === id && filename.startsWith("disconnected:"));
}

async function lineIsFree(qmp: QmpPort, id: string): Promise<boolean> {
  try {
    await qmp.execute("chardev-remove", { id });
    return true;
  } catch (error) {
    if (!isUmecError(error, "QMP_REFUSED")) throw error;
    return false;
  }
}
