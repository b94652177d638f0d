/**
 * An adapter of Linux by its character device, through the npm package i2c-bus.
 *
 * - A register is read by SMBus' "I2C block read", the one call of the package that writes and reads in one
 *   transfer; any adapter that can do plain I2C can do it (I2C_FUNC_SMBUS_EMUL).
 * - Each address has a descriptor of its own, and after any error a new one: i2c-bus keeps a descriptor whose
 *   address the kernel refused, and would go on with it at address 0, the general call that all devices hear.
 */
import { messageOf, UmecError } from "../../runtime/plugin/sdk.ts";
import { adapterNumber } from "./adapters.ts";
import { transferError } from "./errors.ts";
import type { I2cBus } from "./hardware.ts";

type Module = Pick<typeof import("i2c-bus"), "openPromisified">;
type Descriptor = Awaited<ReturnType<Module["openPromisified"]>>;

/** Throws `I2C_NO_BUS`, `I2C_ADDON_MISSING`. That the adapter may be opened shows with the first transfer. */
export async function openLinuxBus(bus: number | string): Promise<I2cBus> {
  return createLinuxBus(await adapterNumber(bus), await loadModule());
}

async function loadModule(): Promise<Module> {
  try {
    return (await import("i2c-bus")).default as Module;
  } catch (cause) {
    const hint = "in a clone, build it with: make addons";
    // Behind the first line stand all the places that were searched.
    const [reason] = messageOf(cause).split(/[.:]?(?: Tried:)?\n/);
    throw new UmecError("I2C_ADDON_MISSING", `i2c-bus can't be loaded: ${reason}`, { hint });
  }
}

/** The adapter `/dev/i2c-<number>`. */
export function createLinuxBus(number: number, { openPromisified }: Module): I2cBus {
  const descriptors = new Map<number, Promise<Descriptor>>();

  async function transfer<T>(address: number, work: (bus: Descriptor) => Promise<T>): Promise<T> {
    const opened = descriptors.get(address) ?? openPromisified(number);
    descriptors.set(address, opened);
    try {
      return await work(await opened);
    } catch (error) {
      descriptors.delete(address);
      opened.then((bus) => bus.close()).catch(() => {});
      throw transferError(error, address);
    }
  }
  const whole = (done: number, length: number): void => {
    if (done === length) return;
    // virtio's adapter tells so that nobody answered: the kernel counts the messages that were done.
    throw Object.assign(new Error(`${done} of ${length} bytes went over`), done === 0 ? { code: "EIO" } : {});
  };

  return {
    readRegister: (address, register, length) =>
      transfer(address, async (bus) => {
        const buffer = Buffer.alloc(length);
        const { bytesRead } = await bus.readI2cBlock(address, register, length, buffer);
        whole(bytesRead, length);
        return buffer;
      }),
    write: (address, bytes) =>
      transfer(address, async (bus) => {
        const { bytesWritten } = await bus.i2cWrite(address, bytes.length, Buffer.from(bytes));
        whole(bytesWritten, bytes.length);
      }),
    read: (address, length) =>
      transfer(address, async (bus) => {
        const buffer = Buffer.alloc(length);
        const { bytesRead } = await bus.i2cRead(address, length, buffer);
        whole(bytesRead, length);
        return buffer;
      }),
    async close() {
      const open = [...descriptors.values()];
      descriptors.clear();
      await Promise.allSettled(open.map(async (bus) => (await bus).close()));
    },
  };
}
