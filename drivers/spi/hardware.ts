/**
 * The hardware edge: one chip select of an SPI controller, as it is used here. `linux-port.ts` is the real one,
 * `simulator.ts` its twin in memory.
 */

/** How bits go over the wires. */
export interface PortSettings {
  /** Highest clock, in hertz. The controller takes the next lower one that it can make. */
  speedHz: number;
  /** Clock polarity (2) and phase (1): modes 0 to 3. */
  mode: 0 | 1 | 2 | 3;
  bitsPerWord: number;
  /** Least significant bit first. */
  lsbFirst: boolean;
  /** The chip select is active when it is high. */
  chipSelectHigh: boolean;
  /** Time between the last bit and the end of the chip select, in microseconds. */
  delayUs: number;
}

export interface SpiPort {
  /**
   * Sends bytes under one chip select, and gives the bytes that came meanwhile: as many. Words of more than 8 bits
   * are 2 or 4 bytes, the first one is the most significant. Rejects with an error of `errors.ts`.
   */
  transfer(bytes: Uint8Array): Promise<Buffer>;
  close(): Promise<void>;
}

/** What a device hangs on: `/dev/spidev<bus>.<chipSelect>`. */
export interface Place {
  bus: number;
  chipSelect: number;
}

/** Rejects with `SPI_NO_DEVICE`, `SPI_FORBIDDEN`, `SPI_SETTING`, `SPI_ADDON_MISSING`. */
export type OpenPort = (place: Place, settings: PortSettings) => Promise<SpiPort>;
