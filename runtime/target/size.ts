/** Sizes in a file for people: a whole number of bytes, or one with a binary unit, such as `256MiB`. */

export const sizePattern = "^[0-9]{1,13}(B|KiB|MiB|GiB)$";

const factors = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** The bytes that `text` stands for, or `undefined` when it is no size. */
export function parseSize(text: string): number | undefined {
  const match = new RegExp(sizePattern).exec(text);
  if (!match) return undefined;
  const unit = match[1] as keyof typeof factors;
  return Number(text.slice(0, -unit.length)) * factors[unit];
}
