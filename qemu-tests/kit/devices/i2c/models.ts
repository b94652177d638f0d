import { UmecError } from "../../../../runtime/errors.ts";
import type { ChipModel } from "./chip.ts";
import { Ads1115 } from "./models/ads1115.ts";
import { At24c } from "./models/at24c.ts";
import { Bme280 } from "./models/bme280.ts";
import { Ds1307 } from "./models/ds1307.ts";
import { Ina219 } from "./models/ina219.ts";
import { Mcp23017 } from "./models/mcp23017.ts";
import { Pca9554 } from "./models/pca9554.ts";
import { Sht3x } from "./models/sht3x.ts";
import { Tmp105 } from "./models/tmp105.ts";

/** Chips by name, each with its usual address. LM75 and DS1338 answer as their relatives do, as far as drivers look. */
const models = {
  ads1115: { make: () => new Ads1115(), address: Ads1115.address },
  at24c32: { make: () => new At24c(), address: At24c.address },
  at24c02: { make: () => new At24c({ size: 256 }), address: At24c.address },
  bme280: { make: () => new Bme280(), address: Bme280.address },
  ds1307: { make: () => new Ds1307(), address: Ds1307.address },
  ds1338: { make: () => new Ds1307(), address: Ds1307.address },
  ina219: { make: () => new Ina219(), address: Ina219.address },
  lm75: { make: () => new Tmp105(), address: Tmp105.address },
  mcp23017: { make: () => new Mcp23017(), address: Mcp23017.address },
  pca9554: { make: () => new Pca9554(), address: Pca9554.address },
  sht3x: { make: () => new Sht3x(), address: Sht3x.address },
  tmp105: { make: () => new Tmp105(), address: Tmp105.address },
} as const satisfies Record<string, { make: () => ChipModel; address: number }>;

export type ModelName = keyof typeof models;

/** A new chip in its power-up state, and its usual address. Throws `DEVICE_MODEL`. */
export function makeChip(name: ModelName): { model: ChipModel; address: number } {
  if (!Object.hasOwn(models, name)) {
    throw new UmecError(
      "DEVICE_MODEL",
      `there is no model of a ${name}; there is ${Object.keys(models).join(", ")}`,
    );
  }
  const { make, address } = models[name];
  return { model: make(), address };
}
