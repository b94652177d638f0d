/**
 * The order in which a value's bytes lie in its registers. Modbus fixes it for one register only
 * (application protocol V1.1b3, section 4.2: big-endian); for wider values makers differ, and name the order
 * by the letters of the value's bytes, A the most significant, as they come over the wire.
 */
export const wordOrders = ["ABCD", "CDAB", "BADC", "DCBA"] as const;

/** `ABCD` big-endian, `CDAB` words swapped, `BADC` bytes swapped in each word, `DCBA` little-endian. */
export type WordOrder = (typeof wordOrders)[number];

/**
 * Copies `bytes` bytes (an even number, unless the order is `ABCD`) between wire order and big-endian order.
 * Each of the four orders is its own inverse, so this serves for reading and writing.
 */
export function reorder(
  order: WordOrder,
  bytes: number,
  source: Uint8Array,
  sourceAt: number,
  target: Uint8Array,
): void {
  const fromEnd = order === "CDAB" || order === "DCBA";
  const inPair = order === "CDAB" || order === "BADC" ? 1 : 0;
  for (let i = 0; i < bytes; i++) {
    target[i] = source[sourceAt + ((fromEnd ? bytes - 1 - i : i) ^ inPair)]!;
  }
}
