/**
 * The hardware edge: one I2C adapter, as it is used here. `linux-bus.ts` is the real one, `simulator.ts` its twin
 * in memory.
 *
 * An adapter does one transfer at a time; who asks sees to that (`turns.ts`). Every call rejects with an error of
 * `errors.ts`.
 */
export interface I2cBus {
  /**
   * Writes a register's number and reads `length` bytes (1 to 32) behind a repeated start, in one transfer that
   * nobody can come between (UM10204 section 3.1.10).
   */
  readRegister(address: number, register: number, length: number): Promise<Buffer>;
  /** Writes bytes: START, address, bytes, STOP. */
  write(address: number, bytes: Uint8Array): Promise<void>;
  /** Reads bytes from wherever the device stands. */
  read(address: number, length: number): Promise<Buffer>;
  /** Lets go of the adapter. */
  close(): Promise<void>;
}

/** Opens an adapter by what the options say; rejects with `I2C_NO_BUS`, `I2C_FORBIDDEN`, `I2C_ADDON_MISSING`. */
export type OpenBus = (bus: number | string) => Promise<I2cBus>;

/** Most bytes of {@link I2cBus.readRegister}: I2C_SMBUS_BLOCK_MAX of Linux. */
export const maxBlock = 32;
