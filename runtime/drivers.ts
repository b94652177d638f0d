import { UmecError } from "./errors.ts";
import type { Driver } from "./plugin/contract.ts";
import type { DriverSource } from "./target/types.ts";

/** Only what a target names is loaded: a driver that nobody uses costs no memory. */
const loaders = new Map<string, () => Promise<{ default: unknown }>>([
  ["gpio", () => import("../drivers/gpio/driver.ts")],
  ["http", () => import("../drivers/http/driver.ts")],
  ["i2c", () => import("../drivers/i2c/driver.ts")],
  ["modbus", () => import("../drivers/modbus/driver.ts")],
  ["onvif", () => import("../drivers/onvif/driver.ts")],
  ["serial", () => import("../drivers/serial/driver.ts")],
  ["spi", () => import("../drivers/spi/driver.ts")],
  ["system", () => import("../drivers/system/driver.ts")],
  ["v4l2", () => import("../drivers/v4l2/driver.ts")],
]);

/** The drivers that come with µMEC. `load` rejects with `DRIVER_UNKNOWN` for another name. */
export const drivers: DriverSource = {
  names: () => [...loaders.keys()],
  async load(name) {
    const loader = loaders.get(name);
    if (!loader) throw new UmecError("DRIVER_UNKNOWN", `there is no driver ${JSON.stringify(name)}`);
    // Each driver is typed by its own options; whoever runs it has checked them against its schema.
    return (await loader()).default as Driver;
  },
};
