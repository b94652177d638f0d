import { type ChipModel, word } from "../chip.ts";
import type { ChipValues } from "../handle.ts";
import { changePins, pinLevels } from "./pins.ts";

/**
 * PCA9554: eight pins. NXP, datasheet PCA9554/PCA9554A, sections "Registers", "Power-on reset", "Interrupt output",
 * "Bus transactions". A register is read or written again and again, the address does not count on.
 *
 * `set({ inputs: { 0: 1 } })`: levels from outside, at first high (the chip's own pull-ups). `state()` gives `inputs`,
 * `outputs` (pins that the chip drives) and `interrupt` (true: INT is low).
 */
export class Pca9554 implements ChipModel {
  static readonly address = 0x20;
  #outside = 0xff;
  #pointer = 0;
  #output = 0xff;
  #polarity = 0;
  /** A set bit is an input. */
  #direction = 0xff;
  /** What the input register showed when it was read. */
  #seen = 0xff;

  set(values: ChipValues): void {
    this.#outside = changePins("PCA9554", 8, this.#outside, values);
  }

  state(): ChipValues {
    return {
      inputs: pinLevels(8, this.#outside, this.#direction),
      outputs: pinLevels(8, this.#output, ~this.#direction),
      interrupt: ((this.#levels() ^ this.#seen) & this.#direction) !== 0,
    };
  }

  write(bytes: Uint8Array): boolean {
    if (bytes[0] === undefined) return true;
    this.#pointer = bytes[0] & 3;
    for (const value of bytes.subarray(1)) {
      if (this.#pointer === 1) this.#output = value;
      else if (this.#pointer === 2) this.#polarity = value;
      else if (this.#pointer === 3) this.#direction = value;
    }
    return true;
  }

  read(length: number): Uint8Array {
    if (this.#pointer === 0) this.#seen = this.#levels();
    const input = this.#levels() ^ (this.#polarity & this.#direction);
    const value = [input, this.#output, this.#polarity, this.#direction][this.#pointer]!;
    return new Uint8Array(length).fill(word(value)[1]!);
  }

  powerUp(): void {
    this.#pointer = this.#polarity = 0;
    this.#output = this.#direction = 0xff;
    this.#seen = this.#levels();
  }

  #levels(): number {
    return (this.#outside & this.#direction) | (this.#output & ~this.#direction & 0xff);
  }
}
