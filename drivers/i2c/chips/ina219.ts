/**
 * TI INA219: voltage, current and power of one supply.
 *
 * SBOS448: Table 4 (registers), "Configuration Register", "Shunt Voltage Register" (10 µV a step), "Bus Voltage
 * Register" (4 mV a step from bit 3 on, OVF in bit 0). The chip can multiply by a calibration itself; it would forget
 * it with its supply and then say 0 A, so the current is computed here.
 */
import { rounded } from "../../common/numbers.ts";
import type { ChipType } from "../chip.ts";

const configuration = 0x00;
const shuntVoltage = 0x01;
const busVoltage = 0x02;
/** As after power-up: 32 V, ±320 mV, 12 bits, both measured all the time. */
const setting = 0x399f;

export const ina219: ChipType = {
  name: "ina219",
  summary: "INA219 current and voltage monitor",
  options: ["shuntOhms"],
  quantities: () => [
    { name: "voltage", unit: "V" },
    { name: "current", unit: "A" },
    { name: "power", unit: "W" },
  ],
  create({ shuntOhms = 0.1 }) {
    return {
      prepare: (port) => port.writeRegister(configuration, [setting >> 8, setting & 0xff]),
      async sample(port) {
        const [shunt, bus] = await port.together(async (held) => [
          (await held.readRegister(shuntVoltage, 2)).readInt16BE(0),
          (await held.readRegister(busVoltage, 2)).readUInt16BE(0) >> 3,
        ]);
        const volts = bus! / 250;
        const amperes = shunt! / 100_000 / shuntOhms;
        return [
          { quantity: "voltage", value: volts },
          { quantity: "current", value: rounded(amperes, 6) },
          { quantity: "power", value: rounded(volts * amperes, 6) },
        ];
      },
    };
  },
};
