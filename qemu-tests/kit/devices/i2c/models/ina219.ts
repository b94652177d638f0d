import { type ChipModel, checkNumbers, fit, word } from "../chip.ts";
import type { ChipValues } from "../handle.ts";

const resetValue = 0x399f;

/**
 * INA219: voltage, current and power of a supply. Texas Instruments SBOS448G: registers (section 8.6), programming the
 * calibration register (8.5).
 *
 * `set({ volts, amperes })`: 0 to 26 at the bus, and what flows through the shunt (option `shuntOhms`, default 0.1),
 * either way. The shunt's voltage is clipped to the range that PG sets; the bus' voltage is in steps of 4 mV.
 * Conversions take no time; in power-down and ADC-off (modes 0 and 4) the last values stay.
 */
export class Ina219 implements ChipModel {
  static readonly address = 0x40;
  readonly #shuntOhms: number;
  #world = { volts: 0, amperes: 0 };
  #pointer = 0;
  #configuration = resetValue;
  #calibration = 0;
  #measured = { shunt: 0, bus: 0 };
  #isReady = false;

  constructor({ shuntOhms = 0.1 } = {}) {
    this.#shuntOhms = shuntOhms;
  }

  set(values: ChipValues): void {
    Object.assign(this.#world, checkNumbers("INA219", values, { volts: [0, 26], amperes: [-1000, 1000] }));
  }

  state(): ChipValues {
    return { ...this.#world };
  }

  write(bytes: Uint8Array): boolean {
    if (bytes[0] === undefined) return true;
    this.#pointer = bytes[0];
    if (bytes.length < 3) return true;
    const value = (bytes[1]! << 8) | bytes[2]!;
    if (this.#pointer === 5) this.#calibration = value & 0xfffe;
    if (this.#pointer === 0) {
      if (value & 0x8000) this.powerUp();
      else this.#configuration = value;
      // A write to the mode bits clears "conversion ready" and starts a triggered conversion.
      this.#isReady = false;
      if (this.#mode >= 1 && this.#mode <= 3) this.#convert();
    }
    return true;
  }

  read(length: number): Uint8Array {
    if (this.#mode >= 5) this.#convert();
    const value = this.#register();
    if (this.#pointer === 3) this.#isReady = false;
    return fit(word(value), length);
  }

  powerUp(): void {
    this.#pointer = 0;
    this.#configuration = resetValue;
    this.#calibration = 0;
    this.#isReady = false;
  }

  get #mode(): number {
    return this.#configuration & 7;
  }

  #convert(): void {
    // PG: 40, 80, 160 or 320 mV, in steps of 10 µV.
    const limit = 4000 << ((this.#configuration >> 11) & 3);
    const shunt = Math.round(this.#world.amperes * this.#shuntOhms * 1e5);
    const busLimit = this.#configuration & 0x2000 ? 8000 : 4000;
    if (this.#mode & 1) this.#measured.shunt = Math.max(-limit, Math.min(limit, shunt));
    if (this.#mode & 2) this.#measured.bus = Math.min(busLimit, Math.round(this.#world.volts / 0.004));
    this.#isReady = true;
  }

  #register(): number {
    const { shunt, bus } = this.#measured;
    const current = Math.trunc((shunt * this.#calibration) / 4096);
    const power = Math.trunc((Math.abs(current) * bus) / 5000);
    const overflows = Math.abs(current) > 32767 || power > 65535;
    if (this.#pointer === 0) return this.#configuration;
    if (this.#pointer === 1) return shunt;
    if (this.#pointer === 2) return (bus << 3) | (this.#isReady ? 2 : 0) | (overflows ? 1 : 0);
    if (this.#pointer === 3) return power;
    if (this.#pointer === 4) return current;
    return this.#pointer === 5 ? this.#calibration : 0;
  }
}
