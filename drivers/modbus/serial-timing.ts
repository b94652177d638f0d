/** What the speed of a serial line means in milliseconds. MODBUS over Serial Line V1.02, section 2.5.1. */

export type Parity = "even" | "odd" | "none";

export interface SerialFormat {
  /** Bits per second. */
  baudRate: number;
  parity: Parity;
  /** 1 or 2. */
  stopBits: number;
}

/** Two stop bits stand in for the parity bit: a character has eleven bits (section 2.5.1). */
export function defaultStopBits(parity: Parity): 1 | 2 {
  return parity === "none" ? 2 : 1;
}

/** Time of one character: start bit, eight data bits, parity and stop bits. */
export function characterMs({ baudRate, parity, stopBits }: SerialFormat): number {
  return ((1 + 8 + (parity === "none" ? 0 : 1) + stopBits) * 1000) / baudRate;
}

/** The silence between frames: 3.5 characters, and 1.75 ms above 19200 Bd (section 2.5.1.1). */
export function silenceMs(format: SerialFormat): number {
  return format.baudRate > 19_200 ? 1.75 : 3.5 * characterMs(format);
}
