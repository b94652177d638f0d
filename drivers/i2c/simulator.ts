/**
 * The twin of an adapter, in memory: a bus with chips on it, for tests and for trying things without hardware.
 *
 *     const bus = createSimulatedBus();
 *     bus.attach(0x48, registerChip({ 0: [0x19, 0x00], 1: [0x00] }));
 *     const driver = createDriver(async () => bus);
 */
import { transferError } from "./errors.ts";
import type { I2cBus } from "./hardware.ts";

/** A chip as the bus sees it. What it throws, or an address without a chip, is "nobody answered". */
export interface SimulatedChip {
  /** The bytes of one write. */
  write(bytes: Uint8Array): void;
  /** What it answers to a read. */
  read(length: number): Uint8Array;
  /** The bus is free again: STOP. */
  stop?(): void;
}

export interface Transfer {
  kind: "readRegister" | "write" | "read";
  address: number;
  /** The bytes that were written. */
  bytes: readonly number[];
}

export interface SimulatedBus extends I2cBus {
  attach(address: number, chip: SimulatedChip): void;
  detach(address: number): void;
  /**
   * Called before each transfer; an errno as in `ETIMEDOUT` that it gives is what the transfer ends with, and what it
   * waits for is how long that takes.
   */
  script(next: ((transfer: Transfer) => undefined | string | Promise<undefined | string>) | undefined): void;
  /** All transfers so far. */
  readonly transfers: readonly Transfer[];
  /** Most transfers that were under way at once. */
  readonly mostAtOnce: number;
  readonly closed: boolean;
}

export function createSimulatedBus(): SimulatedBus {
  const chips = new Map<number, SimulatedChip>();
  const transfers: Transfer[] = [];
  let script: Parameters<SimulatedBus["script"]>[0];
  let atOnce = 0;
  let mostAtOnce = 0;
  let closed = false;

  async function transfer<T>(about: Transfer, work: (chip: SimulatedChip) => T): Promise<T> {
    transfers.push(about);
    atOnce += 1;
    mostAtOnce = Math.max(mostAtOnce, atOnce);
    try {
      const errno = await script?.(about);
      const chip = chips.get(about.address);
      if (errno !== undefined || !chip) throw failure(errno ?? "ENXIO");
      try {
        return work(chip);
      } catch {
        throw failure("ENXIO");
      } finally {
        chip.stop?.();
      }
    } catch (error) {
      throw transferError(error, about.address);
    } finally {
      atOnce -= 1;
    }
  }

  return {
    readRegister: (address, register, length) =>
      transfer({ kind: "readRegister", address, bytes: [register] }, (chip) => {
        chip.write(Uint8Array.of(register));
        return Buffer.from(chip.read(length));
      }),
    write: (address, bytes) =>
      transfer({ kind: "write", address, bytes: [...bytes] }, (chip) => chip.write(bytes)),
    read: (address, length) =>
      transfer({ kind: "read", address, bytes: [] }, (chip) => Buffer.from(chip.read(length))),
    async close() {
      closed = true;
    },
    attach: (address, chip) => void chips.set(address, chip),
    detach: (address) => void chips.delete(address),
    script(next) {
      script = next;
    },
    get transfers() {
      return transfers;
    },
    get mostAtOnce() {
      return mostAtOnce;
    },
    get closed() {
      return closed;
    },
  };
}

function failure(errno: string): Error {
  return Object.assign(new Error(errno), { code: errno });
}

export interface RegisterChip extends SimulatedChip {
  /** Bytes by number of the register; change them as the world changes. */
  readonly registers: Map<number, number[]>;
}

/**
 * A chip with registers of any width: the first byte of a write is the pointer, which stays, and what follows is
 * written there. Bytes beyond a register come from the next ones if these are there, as in chips that count up.
 */
export function registerChip(initial: Readonly<Record<number, readonly number[]>>): RegisterChip {
  const registers = new Map(
    Object.entries(initial).map(([number, bytes]): [number, number[]] => [Number(number), [...bytes]]),
  );
  let pointer = 0;
  return {
    registers,
    write([number, ...bytes]) {
      pointer = number ?? pointer;
      for (let at = pointer; bytes.length > 0; at += 1) {
        const width = registers.get(at)?.length ?? bytes.length;
        registers.set(at, bytes.splice(0, width));
      }
    },
    read(length) {
      const bytes: number[] = [];
      for (let at = pointer; bytes.length < length; at += 1) bytes.push(...(registers.get(at) ?? [0xff]));
      return Uint8Array.from(bytes.slice(0, length));
    },
  };
}
