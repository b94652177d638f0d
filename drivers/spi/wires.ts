/**
 * One device's way to the bus: its port, opened when it is first needed and anew after each failure, and its turns.
 *
 * A port that failed is closed: its device file may be another one when the device is asked again, and settings that
 * the controller has lost are set anew.
 */
import type { Turns } from "../common/shared-bus/turns.ts";
import type { SpiPort } from "./hardware.ts";
import type { Wires } from "./program.ts";

export interface WiresOptions {
  open: () => Promise<SpiPort>;
  turns: Turns;
  sleep: (ms: number) => Promise<void>;
}

export interface DeviceWires {
  readonly samples: Wires;
  /** Ahead of all samples. */
  readonly commands: Wires;
  close(): Promise<void>;
}

export function createWires({ open, turns, sleep }: WiresOptions): DeviceWires {
  let port: SpiPort | undefined;

  async function close(): Promise<void> {
    const last = port;
    port = undefined;
    await last?.close();
  }

  const wires = (urgent: boolean): Wires => ({
    transfer: (bytes) =>
      turns.take(
        async () => {
          try {
            port ??= await open();
            return await port.transfer(bytes);
          } catch (error) {
            await close().catch(() => {});
            throw error;
          }
        },
        { urgent },
      ),
    wait: sleep,
  });
  return { samples: wires(false), commands: wires(true), close };
}
