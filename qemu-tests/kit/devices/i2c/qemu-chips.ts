import { unsupported, valueError } from "../errors.ts";
import type { MachineName } from "../types.ts";
import { checkNumbers, type Ranges } from "./chip.ts";
import type { ChipValues } from "./handle.ts";

/** A chip that QEMU models itself, on the machines whose I2C controller is real. */
export interface QemuChip {
  /** QEMU's model and its own properties: `at24c-eeprom,rom-size=256`. */
  readonly device: string;
  /** What our model has at first, where QEMU's has something else. */
  readonly initial: ChipValues;
  /** What of `values` is set: properties of the QOM object. Throws `DEVICE_VALUE` and `DEVICE_UNSUPPORTED`. */
  properties(values: ChipValues): Readonly<Record<string, number>>;
}

/** Names of QEMU's I2C buses that `guest-names.ts` shows in the guest. */
export const qemuBus: Readonly<Record<Exclude<MachineName, "virt">, string>> = {
  "imx8mp-evk": "i2c-bus.2",
  raspi3b: "i2c-bus.1",
};

const tmp105: QemuChip = {
  device: "tmp105",
  initial: { celsius: 25 },
  properties: celsius("TMP105", { celsius: [-128, 127.9375] }),
};

/** By our model's name. */
const chips: Readonly<Record<string, QemuChip>> = {
  tmp105,
  lm75: tmp105,
  ds1338: {
    device: "ds1338",
    initial: {},
    properties() {
      throw unsupported(
        "QEMU's DS1338 runs with the host's clock (-rtc)",
        "set its time on virt, or by the guest",
      );
    },
  },
  at24c02: eeprom(256),
  at24c32: eeprom(4096),
};

/** Throws `DEVICE_UNSUPPORTED` if QEMU has no such chip. */
export function qemuChip(name: string, machine: MachineName): QemuChip {
  const chip = chips[name];
  if (chip) return chip;
  throw unsupported(
    `QEMU's ${machine} has no ${name}, only ${Object.keys(chips).join(", ")}`,
    "test this chip on virt, where the models are ours",
  );
}

/** QEMU takes thousandths of a degree (`qom-set temperature`, hw/sensor/tmp105.c). */
function celsius<Name extends string>(chip: string, ranges: Ranges<Name>): QemuChip["properties"] {
  return (values) => {
    const { celsius: degrees } = checkNumbers(chip, values, ranges) as { celsius?: number };
    return degrees === undefined ? {} : { temperature: Math.round(degrees * 1000) };
  };
}

function eeprom(size: number): QemuChip {
  return {
    device: `at24c-eeprom,rom-size=${size}`,
    initial: {},
    properties() {
      throw valueError("QEMU's AT24C is empty at each start and only the guest can write it; use virt");
    },
  };
}
