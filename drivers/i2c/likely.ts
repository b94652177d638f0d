/** Which of the driver's chips can have an address, by their datasheets, and which others often have it. */
import type { DeviceOptions } from "./options.ts";

type Known = Exclude<DeviceOptions["type"], "generic">;
const ranges: readonly [from: number, to: number, chips: string, type?: Known][] = [
  [0x20, 0x27, "MCP23017", "mcp23017"],
  [0x20, 0x27, "PCA9554", "pca9554"],
  [0x20, 0x27, "PCF8574"],
  [0x38, 0x3f, "PCF8574A"],
  [0x3c, 0x3d, "SSD1306 display"],
  [0x40, 0x4f, "INA219", "ina219"],
  [0x40, 0x40, "HTU21D, Si7021"],
  [0x40, 0x47, "PCA9685"],
  [0x44, 0x45, "SHT3x", "sht3x"],
  [0x48, 0x4f, "TMP105", "tmp105"],
  [0x48, 0x4f, "LM75", "lm75"],
  [0x48, 0x4b, "ADS1115", "ads1115"],
  [0x48, 0x4f, "PCF8591"],
  [0x50, 0x57, "AT24C", "at24c"],
  [0x60, 0x67, "MCP4725"],
  [0x68, 0x68, "DS1307, DS1338", "ds1338"],
  [0x68, 0x68, "DS3231"],
  [0x68, 0x68, "MPU-6050"],
  [0x70, 0x77, "TCA9548A switch"],
  [0x76, 0x77, "BME280", "bme280"],
  [0x76, 0x77, "BMP280", "bmp280"],
];

/** Names of chips that can be at an address, and which types of the driver read some of them. */
export function likelyAt(address: number): { chips: string[]; types: Known[] } {
  const fitting = ranges.filter(([from, to]) => address >= from && address <= to);
  return {
    chips: fitting.map(([, , chips]) => chips),
    types: fitting.flatMap(([, , , type]) => type ?? []),
  };
}
