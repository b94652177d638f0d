/**
 * Chips on the board's I2C bus, the same for a test on all machines.
 *
 * - imx8mp-evk and raspi3b have a real controller with the chips that QEMU models behind it. Values go by QMP.
 * - virt has none. A PCI device gives the guest an adapter (virtio, section 5.16) whose other half is ours: a small
 *   Python program moves bytes (`vhost-user-i2c.py`), the bus and the models live here. So every chip of `models.ts`
 *   can be there, and can misbehave.
 *
 * The machine is known when the board starts for the first time; handles are there before. What is set until then
 * is kept and reaches the chip at the start. A test that asks for a fault before it is told by the first start.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { valueError } from "../errors.ts";
import type { AfterStart, BeforeStart, DeviceAttachment, MachineName } from "../types.ts";
import { createBus } from "./bus.ts";
import { serveBus } from "./bus-server.ts";
import type { ChipModel } from "./chip.ts";
import { ChipHandle } from "./chip-handle.ts";
import type { I2cHandle } from "./handle.ts";
import { type ModelName, makeChip } from "./models.ts";
import { qemuBus, qemuChip } from "./qemu-chips.ts";
import { QemuHandle } from "./qemu-handle.ts";
import { startVhostProcess, type VhostProcess } from "./vhost-process.ts";

export interface ChipOptions {
  /** A model by name, or one of your own; the latter exists on virt only. */
  model: ModelName | ChipModel;
  /** 7 bit. @default the model's usual one; needed for your own */
  address?: number;
}

export interface I2cBusOptions<Name extends string> {
  /** @default "i2c" */
  id?: string;
  chips: Readonly<Record<Name, ChipOptions>>;
}

export interface I2cChips<Name extends string> extends DeviceAttachment {
  readonly chips: Readonly<Record<Name, I2cHandle>>;
}

/** Throws `DEVICE_VALUE` and `DEVICE_MODEL` on wrong chips; on a machine that lacks one, `qemuArgs` does. */
export function i2cBus<Name extends string>({ id = "i2c", chips }: I2cBusOptions<Name>): I2cChips<Name> {
  const bus = createBus();
  const all = Object.entries<ChipOptions>(chips).map(([name, { model, address }]) => {
    const made = typeof model === "string" ? makeChip(model) : { model, address: undefined };
    const at = address ?? made.address;
    if (at === undefined) throw valueError(`${name}: a model of your own needs an address`);
    return { name, model, handle: new ChipHandle(bus.attach(name, at, made.model)) };
  });
  const chipArgs = (
    machine: Exclude<MachineName, "virt">,
    { name, model, handle }: (typeof all)[number],
  ): string[] => {
    const { device } = qemuChip(typeof model === "string" ? model : "chip of your own", machine);
    const [type, ...rest] = device.split(",");
    const place = [`id=${name}`, `bus=${qemuBus[machine]}`, `address=${handle.address}`];
    return ["-device", [type, ...place, ...rest].join(",")];
  };
  let theirs: QemuHandle[] | undefined;
  let server: AsyncDisposable | undefined;
  let adapter: VhostProcess | undefined;

  return {
    id,
    chips: Object.fromEntries(all.map(({ name, handle }) => [name, handle])) as unknown as Record<
      Name,
      I2cHandle
    >,
    handles: { i2c: new Map(all.map(({ name, handle }) => [name, handle])) },
    memory: (machine) => (machine === "virt" ? "shared-memory" : "plain"),
    qemuArgs(machine, dir) {
      if (machine !== "virt") return all.flatMap((chip) => chipArgs(machine, chip));
      const { qemuSocket } = sockets(id, dir);
      return [
        "-chardev",
        `socket,id=${id},path=${qemuSocket}`,
        "-device",
        `vhost-user-i2c-pci,chardev=${id}`,
      ];
    },
    async beforeStart({ machine, dir, signal }: BeforeStart) {
      if (machine !== "virt") {
        if (theirs) return;
        theirs = [];
        for (const { name, model, handle } of all) {
          const chip = qemuChip(String(model), machine);
          const theirHandle = new QemuHandle(name, handle.address, `/machine/peripheral/${name}`, chip);
          theirs.push(theirHandle);
          await handle.use(theirHandle);
        }
        return;
      }
      const { qemuSocket, busSocket } = sockets(id, dir);
      if (!server) {
        await rm(busSocket, { force: true });
        server = await serveBus(bus, busSocket);
      }
      if (!adapter?.alive) adapter = await startVhostProcess({ qemuSocket, busSocket, signal });
    },
    async afterStart({ qmp }: AfterStart) {
      for (const handle of theirs ?? []) await handle.connect(qmp);
    },
    async afterExit() {
      bus.powerCut();
      for (const handle of theirs ?? []) await handle.connect(undefined);
    },
    async stop() {
      bus.powerCut();
      await adapter?.stop();
      await server?.[Symbol.asyncDispose]();
      adapter = server = undefined;
    },
  };
}

function sockets(id: string, dir: string): { qemuSocket: string; busSocket: string } {
  return { qemuSocket: join(dir, `${id}-qemu.sock`), busSocket: join(dir, `${id}-bus.sock`) };
}
