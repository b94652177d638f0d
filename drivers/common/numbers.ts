/** Numbers as registers hold them. */

/** `raw × scale`, without the noise that a scale such as 0.1 would leave: 2301 × 0.1 is 230.1. */
export function scaled(raw: number, scale: number): number {
  const inverse = Math.round(1 / scale);
  return inverse !== 0 && Math.abs(inverse * scale - 1) < 1e-12 ? raw / inverse : raw * scale;
}

/** A value rounded to `digits` behind the point: what a formula computes beyond a sensor's own steps is no news. */
export function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

/** An unsigned number of at most 53 bits as two's complement of `bits` bits. */
export function signed(raw: number, bits: number): number {
  return raw >= 2 ** (bits - 1) ? raw - 2 ** bits : raw;
}
