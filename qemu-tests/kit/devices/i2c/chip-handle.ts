import type { ChipValues, I2cHandle, I2cMessage } from "./handle.ts";

/**
 * What a test holds of a chip before and after the machine is known: first our model, then, on a machine whose chips
 * are QEMU's, that one. Values go along; a fault that was asked for too early is refused by then.
 */
export class ChipHandle implements I2cHandle {
  readonly name: string;
  readonly address: number;
  #chip: I2cHandle;
  #values: ChipValues = {};
  #fault: (() => void) | undefined;

  constructor(ours: I2cHandle) {
    this.name = ours.name;
    this.address = ours.address;
    this.#chip = ours;
  }

  /** From now on `chip` is meant. Throws `DEVICE_UNSUPPORTED` if it can't be as wrong as it should. */
  async use(chip: I2cHandle): Promise<void> {
    this.#chip = chip;
    this.#fault?.();
    if (Object.keys(this.#values).length > 0) await chip.set(this.#values);
  }

  async set(values: ChipValues): Promise<void> {
    await this.#chip.set(values);
    this.#values = { ...this.#values, ...values };
  }

  state(): ChipValues {
    return this.#chip.state();
  }

  unplug(): void {
    this.#do(() => this.#chip.unplug());
  }

  plug(): void {
    this.#fault = undefined;
    this.#chip.plug();
  }

  nack(options?: { times?: number }): void {
    this.#do(() => this.#chip.nack(options));
  }

  stall(ms: number, options?: { times?: number }): void {
    this.#do(() => this.#chip.stall(ms, options));
  }

  behave(): void {
    this.#fault = undefined;
    this.#chip.behave();
  }

  messages(): readonly I2cMessage[] {
    return this.#chip.messages();
  }

  #do(fault: () => void): void {
    fault();
    this.#fault = fault;
  }
}
