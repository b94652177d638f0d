import { type ChipModel, checkNumbers, word } from "../chip.ts";
import type { ChipValues } from "../handle.ts";

const configuration = 1;
const shutdown = 0x01;
const oneShot = 0x80;

/**
 * TMP105, and LM75 as far as it goes: a temperature sensor. Texas Instruments SLLS648B, sections "Pointer register",
 * "Temperature register", "Configuration register", "High and low limit registers".
 *
 * `set({ celsius })`: -128 to 127.9375; read with 0.5 to 0.0625 degrees, as the bits R1 and R0 say. In shutdown the
 * register keeps its value until the bit OS asks for one conversion. The pin ALERT leads nowhere.
 */
export class Tmp105 implements ChipModel {
  static readonly address = 0x48;
  #celsius = 25;
  #measured = 0;
  #pointer = 0;
  #configuration = 0;
  #limits = [0x4b00, 0x5000];

  set(values: ChipValues): void {
    const { celsius } = checkNumbers("TMP105", values, { celsius: [-128, 127.9375] });
    this.#celsius = celsius ?? this.#celsius;
  }

  state(): ChipValues {
    return { celsius: this.#celsius };
  }

  write(bytes: Uint8Array): boolean {
    const [pointer, high, low] = bytes;
    if (pointer === undefined) return true;
    this.#pointer = pointer & 3;
    if (high === undefined) return true;
    if (this.#pointer === configuration) this.#configure(high);
    else if (this.#pointer >= 2) {
      const old = this.#limits[this.#pointer - 2]!;
      this.#limits[this.#pointer - 2] = ((high << 8) | (low ?? old & 0xff)) & 0xfff0;
    }
    return true;
  }

  read(length: number): Uint8Array {
    const bytes = this.#register();
    return Uint8Array.from({ length }, (_, i) => bytes[i % bytes.length]!);
  }

  powerUp(): void {
    this.#pointer = 0;
    this.#configuration = 0;
    this.#limits = [0x4b00, 0x5000];
  }

  #configure(value: number): void {
    const wasAwake = (this.#configuration & shutdown) === 0;
    // The last conversion before the shutdown, or the one that was asked for.
    if (wasAwake || value & oneShot) this.#measured = this.#convert();
    this.#configuration = value & ~oneShot;
  }

  #register(): Uint8Array {
    if (this.#pointer === configuration) return Uint8Array.of(this.#configuration);
    if (this.#pointer >= 2) return word(this.#limits[this.#pointer - 2]!);
    const steps = this.#configuration & shutdown ? this.#measured : this.#convert();
    const unusedBits = 3 - ((this.#configuration >> 5) & 3);
    return word(((steps >> unusedBits) << unusedBits) << 4);
  }

  /** In sixteenths of a degree. */
  #convert(): number {
    return Math.round(this.#celsius * 16);
  }
}
