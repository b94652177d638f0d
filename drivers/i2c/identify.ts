/**
 * Which chip it is, where that can be asked without harm.
 *
 * To read a register its number is written first, and to some chips any byte that is written is an order: an expander
 * without registers (PCF8574) drives its pins with it, a digital-to-analogue converter (MCP4725, PCF8591) its output.
 * So only addresses are asked that such chips can't have. One is left: a switch (TCA9548A) takes the number as the
 * choice of its channels, and gives it back; it gets its old choice again.
 */
import { isUmecError } from "../../runtime/plugin/sdk.ts";
import type { I2cBus } from "./hardware.ts";
import type { DeviceOptions } from "./options.ts";

export interface Identity {
  /** What the chip is called. */
  chip: string;
  /** The type that reads it, if there is one. */
  type?: DeviceOptions["type"];
}

/** BST-BME280-DS002 section 5.4.1; the others by their own datasheets. */
const bosch = { register: 0xd0, first: 0x76, last: 0x77 };
const boschIds: Readonly<Record<number, Identity>> = {
  88: { chip: "BMP280", type: "bmp280" },
  96: { chip: "BME280", type: "bme280" },
  97: { chip: "BME680" },
};

/** SBOS448 section 8.6.2.1: the configuration register as it is after power-up. */
const ina219 = { register: 0x00, first: 0x40, last: 0x47, value: 0x399f };

/**
 * LM75 and its many relatives (SNOS808 section 7.5; TMP105: SBOS648 section 7.6) stand at their temperature after
 * power-up, in 1/256 °C with nothing in the lowest 4 bits. Of their neighbours an ADS1115 is at 0 after power-up and a
 * PCF8591 at 0x80.
 */
const lm75 = { first: 0x48, last: 0x4f, lowBits: 0x0f, range: [-40, 125] } as const;

/**
 * The chip at an address that answered; `undefined` where it can't be told. `before` is the byte that it answered
 * with. Rejects with errors of the bus.
 */
export async function identify(bus: I2cBus, address: number, before: number): Promise<Identity | undefined> {
  if (address >= bosch.first && address <= bosch.last) {
    const id = await register(bus, address, bosch.register, 1);
    if (id?.[0] === bosch.register) {
      await bus.write(address, Uint8Array.of(before));
      return undefined;
    }
    return id && boschIds[id[0]!];
  }
  if (address >= ina219.first && address <= ina219.last) {
    const value = await register(bus, address, ina219.register, 2);
    if (value?.readUInt16BE(0) === ina219.value) return { chip: "INA219", type: "ina219" };
  }
  if (address >= lm75.first && address <= lm75.last) return thermometer(await bus.read(address, 2));
  return undefined;
}

function thermometer(bytes: Buffer): Identity | undefined {
  const raw = bytes.readInt16BE(0);
  const celsius = raw / 256;
  const isLikely =
    raw !== 0 && (raw & lm75.lowBits) === 0 && celsius >= lm75.range[0] && celsius <= lm75.range[1];
  // An LM75 is woken and read, no more; that it has more bits is for people to say.
  return isLikely
    ? { chip: `LM75, TMP105 or a relative, which reads ${celsius} °C`, type: "lm75" }
    : undefined;
}

/** What is in a register; `undefined` where the chip refuses its number. */
async function register(
  bus: I2cBus,
  address: number,
  number: number,
  length: number,
): Promise<Buffer | undefined> {
  try {
    return await bus.readRegister(address, number, length);
  } catch (error) {
    if (isUmecError(error, "I2C_NO_ANSWER")) return undefined;
    throw error;
  }
}
