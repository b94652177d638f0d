/** What a test holds of one chip on an I2C bus, the same on all machines. */
export interface I2cHandle {
  readonly name: string;
  /** The 7 bit address. */
  readonly address: number;
  /**
   * Sets what the chip measures or holds, in physical units; what is not named stays. The names are the model's
   * (`models/*.ts`): `celsius`, `hPa`, `percent`, `inputs`, `time` … Throws `DEVICE_VALUE` on names and values
   * that the chip does not know.
   */
  set(values: ChipValues): Promise<void>;
  /** What was set and what the chip shows outside, such as the `outputs` of a port expander. */
  state(): ChipValues;
  /** Takes the chip off the bus: its address is not acknowledged any more. */
  unplug(): void;
  /** Puts it back with its power-up state, as after its own power was cut. */
  plug(): void;
  /** The chip refuses its next `times` messages. @default times 1; `Infinity` is until `behave()` */
  nack(options?: { times?: number }): void;
  /**
   * The chip holds the clock for `ms` milliseconds in each of its next `times` messages. `Infinity` milliseconds is
   * a bus that hangs until `behave()` or a power cut. @default times 1
   */
  stall(ms: number, options?: { times?: number }): void;
  /** Ends `nack` and `stall`; does not plug in. */
  behave(): void;
  /** The newest messages to this chip, oldest first, at most 1024. Empty where QEMU's own model answers. */
  messages(): readonly I2cMessage[];
}

export type ChipValues = Readonly<Record<string, unknown>>;

/** One message on the bus, as the chip saw it. */
export interface I2cMessage {
  readonly kind: "write" | "read";
  /** What was written, or what was read; empty when a read was not acknowledged. */
  readonly bytes: Uint8Array;
  readonly acknowledged: boolean;
}
