import type { Turns } from "../common/shared-bus/turns.ts";
import type { I2cBus } from "./hardware.ts";

/** What a chip's module sees of the bus: its own device. Calls reject with an error of `errors.ts`. */
export interface Port {
  /** Reads `length` bytes (1 to 32) from a register, in one transfer. */
  readRegister(register: number, length: number): Promise<Buffer>;
  /** Writes a register's number and the bytes behind it, in one transfer. */
  writeRegister(register: number, bytes: Iterable<number>): Promise<void>;
  write(bytes: Iterable<number>): Promise<void>;
  read(length: number): Promise<Buffer>;
  /** Does several transfers that no other device or command comes between. */
  together<T>(work: (port: Port) => Promise<T>): Promise<T>;
  /** Waits while others have the bus; rejects when the plugin is stopped. */
  wait(ms: number): Promise<void>;
}

export interface PortOptions {
  bus: I2cBus;
  turns: Turns;
  address: number;
  sleep: (ms: number) => Promise<void>;
  /** Ahead of those that are not. */
  urgent?: boolean;
}

export function createPort({ bus, turns, address, sleep, urgent = false }: PortOptions): Port {
  type InTurn = <T>(work: () => Promise<T>) => Promise<T>;
  const portWith = (inTurn: InTurn): Port => ({
    readRegister: (register, length) => inTurn(() => bus.readRegister(address, register, length)),
    writeRegister: (register, bytes) =>
      inTurn(() => bus.write(address, Uint8Array.from([register, ...bytes]))),
    write: (bytes) => inTurn(() => bus.write(address, Uint8Array.from(bytes))),
    read: (length) => inTurn(() => bus.read(address, length)),
    together: (work) => inTurn(() => work(held)),
    wait: sleep,
  });
  /** While the turn is ours already. */
  const held = portWith((work) => work());
  return portWith((work) => turns.take(work, { urgent }));
}
