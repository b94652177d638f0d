/**
 * Maxim DS1338 and DS1307: real-time clocks.
 *
 * DS1338 datasheet, Table 3 "Timekeeper registers": seconds to year in BCD in the registers 0 to 6, CH (clock halt)
 * in bit 7 of 0, 12-hour mode in bit 6 of 2, OSF (oscillator stopped, DS1338 only) in bit 5 of 7. The years are 2000 to
 * 2099 and the time is taken as UTC, as Linux does.
 */
import type { ChipType } from "../chip.ts";
import { dataError, valueError } from "../errors.ts";
import { asNumber, fromBcd, toBcd } from "../values.ts";

const seconds = 0x00;
const control = 0x07;
const halted = 0x80;
const twelveHours = 0x40;
const afternoon = 0x20;
const stopped = 0x20;
const [first, last] = [Date.UTC(2000, 0) / 1000, Date.UTC(2100, 0) / 1000];

export const ds1338: ChipType = {
  name: "ds1338",
  summary: "DS1338, DS1307 real-time clock",
  options: [],
  quantities: () => [{ name: "time", unit: "s", access: "read-write", summary: "Seconds since 1970, UTC" }],
  create: () => ({
    async sample(port) {
      const registers = await port.readRegister(seconds, 8);
      if ((registers[0]! & halted) !== 0 || (registers[control]! & stopped) !== 0) {
        throw dataError("the clock stood still and has no time; command its time once");
      }
      return [{ quantity: "time", value: decodeTime(registers) }];
    },
    async command(port, _quantity, value) {
      const time = Math.floor(asNumber(value));
      if (time < first || time >= last) throw valueError(`${time} s is not within the years 2000 to 2099`);
      await port.together(async (held) => {
        await held.writeRegister(seconds, encodeTime(time));
        const [now] = await held.readRegister(control, 1);
        if ((now! & stopped) !== 0) await held.writeRegister(control, [now! & ~stopped]);
      });
      return time;
    },
  }),
};

/** Unix time of the registers 0 to 6. Throws `I2C_DATA`. */
export function decodeTime(registers: Buffer): number {
  const hours = registers[2]!;
  const parts = [
    fromBcd(registers[0]! & 0x7f),
    fromBcd(registers[1]! & 0x7f),
    fromBcd(hours & ((hours & twelveHours) === 0 ? 0x3f : 0x1f)),
    fromBcd(registers[4]! & 0x3f),
    fromBcd(registers[5]! & 0x1f),
    fromBcd(registers[6]!),
  ];
  const [second, minute, hour, day, month, year] = parts as number[];
  const hour24 = (hours & twelveHours) === 0 ? hour! : (hour! % 12) + ((hours & afternoon) === 0 ? 0 : 12);
  const time = Date.UTC(2000 + year!, month! - 1, day!, hour24, minute!, second!);
  const back = new Date(time);
  if (parts.includes(undefined) || back.getUTCDate() !== day || back.getUTCMonth() !== month! - 1) {
    throw dataError(`${registers.toString("hex", 0, 7)} is no time`);
  }
  return time / 1000;
}

/** The registers 0 to 6, in 24-hour mode and running. */
export function encodeTime(time: number): number[] {
  const date = new Date(time * 1000);
  return [
    date.getUTCSeconds(),
    date.getUTCMinutes(),
    date.getUTCHours(),
    date.getUTCDay() + 1,
    date.getUTCDate(),
    date.getUTCMonth() + 1,
    date.getUTCFullYear() - 2000,
  ].map(toBcd);
}
