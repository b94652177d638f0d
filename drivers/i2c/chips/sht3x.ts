/**
 * Sensirion SHT30, SHT31, SHT35: temperature and humidity.
 *
 * Datasheet SHT3x-DIS: section 4.3 (single shot without clock stretching), Table 4 (longest measurement),
 * section 4.12 (checksum), section 4.13 (conversion). Until it has measured it does not acknowledge its address.
 */
import { rounded } from "../../common/numbers.ts";
import type { ChipType } from "../chip.ts";
import { dataError } from "../errors.ts";

const measure = {
  high: { command: [0x24, 0x00], waitMs: 16 },
  medium: { command: [0x24, 0x0b], waitMs: 7 },
  low: { command: [0x24, 0x16], waitMs: 5 },
} as const;

export const sht3x: ChipType = {
  name: "sht3x",
  summary: "SHT30, SHT31, SHT35 thermometer and hygrometer",
  options: ["repeatability"],
  quantities: () => [
    { name: "temperature", unit: "Cel" },
    { name: "humidity", unit: "%RH" },
  ],
  create({ repeatability = "high" }) {
    const { command, waitMs } = measure[repeatability];
    return {
      async sample(port) {
        await port.write(command);
        await port.wait(waitMs);
        const data = await port.read(6);
        const [temperature, humidity] = [checkedWord(data, 0), checkedWord(data, 3)];
        return [
          { quantity: "temperature", value: rounded(-45 + (175 * temperature) / 65_535, 3) },
          { quantity: "humidity", value: rounded((100 * humidity) / 65_535, 3) },
        ];
      },
    };
  },
};

/** The word at `at`, compared with the checksum behind it. */
function checkedWord(data: Buffer, at: number): number {
  const sum = crc8(data.subarray(at, at + 2));
  if (sum !== data[at + 2]) {
    throw dataError(`a word has the checksum ${data[at + 2]}, it should be ${sum}`);
  }
  return data.readUInt16BE(at);
}

/** CRC-8, polynomial 0x31, start 0xFF, not reflected: section 4.12. */
export function crc8(bytes: Iterable<number>): number {
  let crc = 0xff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x80 ? ((crc << 1) ^ 0x31) & 0xff : crc << 1;
  }
  return crc;
}
