import type { ChipType } from "./chip.ts";
import { ads1115 } from "./chips/ads1115.ts";
import { at24c } from "./chips/at24c.ts";
import { bme280, bmp280 } from "./chips/bme280.ts";
import { ds1338 } from "./chips/ds1338.ts";
import { mcp23017, pca9554 } from "./chips/expander.ts";
import { generic } from "./chips/generic.ts";
import { ina219 } from "./chips/ina219.ts";
import { lm75, tmp105 } from "./chips/lm75.ts";
import { sht3x } from "./chips/sht3x.ts";
import type { DeviceOptions } from "./options.ts";

/** What each `type` of the options stands for. */
export const chipTypes: Readonly<Record<DeviceOptions["type"], ChipType>> = {
  tmp105,
  lm75,
  bme280,
  bmp280,
  sht3x,
  ads1115,
  ina219,
  ds1338,
  mcp23017,
  pca9554,
  at24c,
  generic,
};
