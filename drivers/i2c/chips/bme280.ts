/**
 * Bosch BME280 (temperature, pressure, humidity) and BMP280 (no humidity).
 *
 * BST-BME280-DS002: section 3.3.3 (forced mode), section 5.4 (registers), section 9.1 (longest measurement);
 * BST-BMP280-DS001 for the id of a BMP280. Each sample is a measurement of its own in forced mode, so it does not
 * matter what the chip was set to before.
 */
import { rounded } from "../../common/numbers.ts";
import type { Chip, ChipType } from "../chip.ts";
import { dataError } from "../errors.ts";
import type { DeviceOptions } from "../options.ts";
import { type Calibration, fineTemperature, humidity, pascal, readCalibration } from "./bme280-formula.ts";

const register = { id: 0xd0, low: 0x88, high: 0xe1, humidity: 0xf2, status: 0xf3, measure: 0xf4, data: 0xf7 };
const ids: Readonly<Record<number, string>> = { 88: "BMP280", 96: "BME280", 97: "BME680" };
const measuring = 0b1000;
const forced = 0b01;
/** What the data registers hold while a value is switched off or not yet measured: section 5.4.7. */
const nothing = { long: 0x80000, short: 0x8000 };

function create({ oversampling = 1 }: DeviceOptions, id: number): Chip {
  const wet = id === 0x60;
  // 1, 2, 4, 8, 16 are written 1 to 5.
  const code = 1 + Math.log2(oversampling);
  const waitMs = Math.ceil(1.25 + 2.3 * oversampling + (wet ? 2 : 1) * (2.3 * oversampling + 0.575));
  let calibration: Calibration | undefined;

  return {
    async prepare(port) {
      const [found] = await port.readRegister(register.id, 1);
      if (found !== id) {
        const name = ids[found!] ?? `something with the id ${found}`;
        throw dataError(`it is ${name}, not a ${ids[id]}`);
      }
      const low = await port.readRegister(register.low, 26);
      calibration = readCalibration(low, wet ? await port.readRegister(register.high, 7) : undefined);
    },

    async sample(port) {
      // The setting for humidity holds from the next write to `measure` on: section 5.4.3.
      if (wet) await port.writeRegister(register.humidity, [code]);
      await port.writeRegister(register.measure, [(code << 5) | (code << 2) | forced]);
      await port.wait(waitMs);
      const [status] = await port.readRegister(register.status, 1);
      if ((status! & measuring) !== 0) throw dataError(`it still measures after ${waitMs} ms`);
      const data = await port.readRegister(register.data, wet ? 8 : 6);

      const raw = { p: data.readUIntBE(0, 3) >> 4, t: data.readUIntBE(3, 3) >> 4 };
      if (raw.t === nothing.long || raw.p === nothing.long) throw dataError("it has not measured");
      const fine = fineTemperature(raw.t, calibration!);
      const pressure = pascal(raw.p, fine, calibration!);
      if (pressure === undefined) throw dataError("its calibration is empty");
      const readings = [
        { quantity: "temperature", value: rounded(fine / 5120, 2) },
        { quantity: "pressure", value: rounded(pressure, 1) },
      ];
      if (!wet) return readings;
      const rawHumidity = data.readUInt16BE(6);
      if (rawHumidity === nothing.short) throw dataError("it has not measured humidity");
      const value = rounded(humidity(rawHumidity, fine, calibration!), 2);
      return [...readings, { quantity: "humidity", value }];
    },
  };
}

const dry = [
  { name: "temperature", unit: "Cel" },
  { name: "pressure", unit: "Pa" },
];

export const bme280: ChipType = {
  name: "bme280",
  summary: "BME280 thermometer, barometer and hygrometer",
  options: ["oversampling"],
  quantities: () => [...dry, { name: "humidity", unit: "%RH" }],
  create: (options) => create(options, 0x60),
};

export const bmp280: ChipType = {
  name: "bmp280",
  summary: "BMP280 thermometer and barometer",
  options: ["oversampling"],
  quantities: () => dry,
  create: (options) => create(options, 0x58),
};
