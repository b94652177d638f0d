/**
 * A device file of Linux, `/dev/spidev<bus>.<chipSelect>`, through the npm package spi-device.
 *
 * - It is opened first and set up then, in two calls: the package forgets to close the file when both are one call
 *   and the controller refuses the settings, and a device that is tried for years would use up all descriptors.
 * - The kernel has words of more than 8 bits in the CPU's own byte order; here the first byte is always the most
 *   significant.
 */
import { endianness } from "node:os";
import { messageOf, UmecError } from "../../runtime/plugin/sdk.ts";
import { openError, settingError, transferError } from "./errors.ts";
import type { OpenPort, Place, PortSettings, SpiPort } from "./hardware.ts";

type Module = Pick<typeof import("spi-device"), "open">;
type Device = ReturnType<Module["open"]>;
type Callback = (error: Error | null | undefined) => void;

export const openLinuxPort: OpenPort = async (place, settings) =>
  createLinuxPort(place, settings, await loadModule());

async function loadModule(): Promise<Module> {
  try {
    return (await import("spi-device")).default as Module;
  } catch (cause) {
    const hint = "in a clone, build it with: make addons";
    const [reason] = messageOf(cause).split(/[.:]?(?: Tried:)?\n/);
    throw new UmecError("SPI_ADDON_MISSING", `spi-device can't be loaded: ${reason}`, { hint });
  }
}

export async function createLinuxPort(
  place: Place,
  settings: PortSettings,
  { open }: Module,
): Promise<SpiPort> {
  const { speedHz, mode, bitsPerWord, lsbFirst, chipSelectHigh, delayUs } = settings;
  let device: Device;
  try {
    await call((done) => {
      device = open(place.bus, place.chipSelect, done);
    });
  } catch (cause) {
    throw openError(cause, place);
  }
  const close = (): Promise<void> => call((done) => device.close(done));
  try {
    const options = { mode, bitsPerWord, lsbFirst, chipSelectHigh, maxSpeedHz: speedHz };
    await call((done) => void device.setOptions(options, done));
  } catch (cause) {
    await close().catch(() => {});
    throw settingError(cause, place, settings);
  }

  return {
    async transfer(bytes) {
      const sendBuffer = inCpuOrder(Buffer.from(bytes), bitsPerWord);
      const receiveBuffer = Buffer.alloc(bytes.length);
      const message = { byteLength: bytes.length, sendBuffer, receiveBuffer, microSecondDelay: delayUs };
      try {
        await call((done) => void device.transfer([message], done));
      } catch (cause) {
        throw transferError(cause, bytes.length);
      }
      return inCpuOrder(receiveBuffer, bitsPerWord);
    },
    close,
  };
}

/** Some calls of the package throw what others give to the callback. */
function call(work: (done: Callback) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    work((error) => (error ? reject(error) : resolve()));
  });
}

/** Between the CPU's order of a word's bytes and the most significant first: there and back, in place. */
function inCpuOrder(words: Buffer, bitsPerWord: number): Buffer {
  if (bitsPerWord <= 8 || endianness() === "BE") return words;
  return bitsPerWord <= 16 ? words.swap16() : words.swap32();
}
