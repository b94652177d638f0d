import { unsupported } from "../errors.ts";
import type { QmpPort } from "../types.ts";
import type { ChipValues, I2cHandle, I2cMessage } from "./handle.ts";
import type { QemuChip } from "./qemu-chips.ts";

/** A chip of QEMU's own: values go by QMP, faults do not exist. */
export class QemuHandle implements I2cHandle {
  readonly name: string;
  readonly address: number;
  readonly #path: string;
  readonly #chip: QemuChip;
  #values: ChipValues;
  #qmp: QmpPort | undefined;

  constructor(name: string, address: number, path: string, chip: QemuChip) {
    this.name = name;
    this.address = address;
    this.#path = path;
    this.#chip = chip;
    this.#values = chip.initial;
  }

  /** QEMU answers from now on, or, with `undefined`, not any more. The world's values are set again. */
  async connect(qmp: QmpPort | undefined): Promise<void> {
    this.#qmp = qmp;
    if (qmp && Object.keys(this.#values).length > 0) await this.set({});
  }

  async set(values: ChipValues): Promise<void> {
    const all = { ...this.#values, ...values };
    const properties = this.#chip.properties(all);
    this.#values = all;
    for (const [property, value] of Object.entries(properties)) {
      await this.#qmp?.execute("qom-set", { path: this.#path, property, value });
    }
  }

  state(): ChipValues {
    return { ...this.#values };
  }

  unplug(): void {
    this.#refuse("be unplugged");
  }

  plug(): void {}

  nack(): void {
    this.#refuse("refuse a message");
  }

  stall(): void {
    this.#refuse("hold the clock");
  }

  behave(): void {}

  messages(): readonly I2cMessage[] {
    return [];
  }

  #refuse(what: string): void {
    throw unsupported(`${this.name} is QEMU's own model, which can't ${what}`, "test this on virt");
  }
}
