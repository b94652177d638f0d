import { type Static, Type } from "typebox";
import { byteTypes } from "./numbers.ts";

/** What an option is when it is left out. */
export const defaults = {
  everyMs: 1000,
  timeoutMs: 2000,
  quarantine: { initialMs: 1000, maxMs: 10_000 },
  offlineAfter: 2,
  referenceVolts: 3.3,
} as const;

/** A driver's type names, in the order of the documentation. */
export const typeNames = ["mcp3004", "mcp3008", "max31855", "w25q", "generic"] as const;

const name = "^[A-Za-z0-9][A-Za-z0-9_-]*$";
const hexBytes = "^\\s*[0-9A-Fa-f]{2}(\\s*[0-9A-Fa-f]{2})*\\s*$";
const template = "^\\s*([0-9A-Fa-f]{2}|\\{value\\})(\\s*([0-9A-Fa-f]{2}|\\{value\\}))*\\s*$";
const closed = { additionalProperties: false };
const dayMs = 86_400_000;
/** Most bytes of a transfer: what spidev takes unless the kernel's command line says more. */
export const maxBytes = 4096;

const oneOf = <T extends string | number>(values: readonly T[], options: object) =>
  Type.Unsafe<T>({ enum: [...values], ...options });
const integer = (description: string, minimum: number, maximum: number, more: object = {}) =>
  Type.Integer({ description, minimum, maximum, ...more });
const number = (description: string, more: object = {}) => Type.Number({ description, ...more });
const byName = <T extends Parameters<typeof Type.Record>[1]>(value: T, description: string) =>
  Type.Record(Type.String({ pattern: name }), value, { ...closed, minProperties: 1, description });
const unit = Type.String({
  description: "Unit of the value: RFC 8428 section 12.1, such as V, A, Cel, %RH.",
});

const byteTest = Type.Object(
  {
    at: integer("Place of the byte among those that came.", 0, maxBytes - 1),
    mask: Type.Optional(integer("Bits that count.", 1, 255, { default: 255 })),
    equals: Type.Optional(integer("What they must be; left out: all of them set.", 0, 255)),
    reason: Type.Optional(Type.String({ description: "What it means, for people.", maxLength: 200 })),
  },
  { ...closed, description: "A test of one byte." },
);
export type ByteTest = Static<typeof byteTest>;

const step = Type.Object(
  {
    multiply: Type.Optional(number("Multiplies by it.")),
    divide: Type.Optional(number("Divides by it.")),
    add: Type.Optional(number("Adds it.")),
    polynomial: Type.Optional(
      Type.Array(Type.Number(), {
        description: "c0 + c1 × value + c2 × value² …",
        minItems: 1,
        maxItems: 16,
      }),
    ),
    table: Type.Optional(
      Type.Array(Type.Array(Type.Number(), { minItems: 2, maxItems: 2 }), {
        description:
          "Pairs [value, result] by rising value; straight lines between them, nothing beyond the ends.",
        minItems: 2,
        maxItems: 256,
      }),
    ),
    lookup: Type.Optional(
      Type.Record(Type.String(), Type.Union([Type.Number(), Type.String()]), {
        description: 'The result for each value, "23" or "0x17"; the last step.',
        minProperties: 1,
      }),
    ),
    round: Type.Optional(integer("Rounds to so many digits behind the point.", 0, 15)),
  },
  { ...closed, minProperties: 1, maxProperties: 1, description: "One step." },
);
export type Step = Static<typeof step>;
const convert = Type.Array(step, {
  description: "Steps from the bytes' number to the value, in order.",
  maxItems: 16,
});

const type = oneOf(byteTypes, { description: "What the bytes are.", default: "uint8" });
const endian = oneOf(["big", "little"] as const, {
  description: "Which byte comes first.",
  default: "big",
});

const value = Type.Object(
  {
    at: integer("Place of the first byte among those that came.", 0, maxBytes - 1),
    type: Type.Optional(type),
    length: Type.Optional(integer("hex, text: number of bytes; 1 by default.", 1, 256)),
    endian: Type.Optional(endian),
    lowestBit: Type.Optional(integer("Integers: lowest bit of the field; 0 by default.", 0, 31)),
    bitCount: Type.Optional(integer("Integers: bits of the field; by default all above lowestBit.", 1, 32)),
    boolean: Type.Optional(
      Type.Boolean({ description: "Integers: true if any bit is set.", default: false }),
    ),
    convert: Type.Optional(convert),
    unit: Type.Optional(unit),
    faults: Type.Optional(
      Type.Array(byteTest, {
        description: "Tests that make the value bad when they are met; the first gives the reason.",
        maxItems: 16,
      }),
    ),
  },
  { ...closed, description: "One value." },
);
export type ValueOptions = Static<typeof value>;

const silence = (what: string) =>
  Type.Optional(
    oneOf(["fine", "uncertain", "failure"] as const, {
      description: `What it means when all bits of the values' bytes are ${what}, as of a line that nobody drives.`,
      default: "fine",
    }),
  );

const transfer = Type.Object(
  {
    send: Type.String({
      description: 'Bytes that are sent, hexadecimal: "01 80 00"; as many come back.',
      pattern: hexBytes,
      maxLength: 3 * maxBytes,
    }),
    waitMs: Type.Optional(
      number("Time before it in which others have the bus, in milliseconds.", {
        minimum: 0,
        maximum: 60_000,
        default: 0,
      }),
    ),
    zeros: silence("0"),
    ones: silence("1"),
    expect: Type.Optional(
      Type.Array(byteTest, {
        description: "Tests that must be met; else the device counts as failed.",
        maxItems: 16,
      }),
    ),
    values: Type.Optional(byName(value, "Values of the bytes that came, by name.")),
  },
  { ...closed, description: "One transfer." },
);
export type TransferOptions = Static<typeof transfer>;

const command = Type.Object(
  {
    send: Type.String({
      description: 'Bytes that are sent, hexadecimal, with {value} where the value stands: "80 {value}".',
      pattern: template,
      maxLength: 3 * maxBytes,
    }),
    type: Type.Optional(type),
    endian: Type.Optional(endian),
    convert: Type.Optional(
      Type.Array(step, {
        description: "Steps from the command's value to the number that is sent, in order.",
        maxItems: 16,
      }),
    ),
    min: Type.Optional(number("Least value of a command.")),
    max: Type.Optional(number("Greatest value of a command.")),
    unit: Type.Optional(unit),
  },
  { ...closed, description: "One command." },
);
export type CommandOptions = Static<typeof command>;

const inputs = ["0", "1", "2", "3", "4", "5", "6", "7"] as const;
const differences = ["0-1", "1-0", "2-3", "3-2", "4-5", "5-4", "6-7", "7-6"] as const;
const channel = Type.Object(
  {
    input: oneOf([...inputs, ...differences], {
      description: 'Pin CH0 to CH7 against ground, or above another: "0-1".',
    }),
    convert: Type.Optional(
      Type.Array(step, { description: "Steps from volts to the value, in order.", maxItems: 16 }),
    ),
    unit: Type.Optional(Type.String({ description: "Unit of the value.", default: "V" })),
  },
  { ...closed, description: "One input." },
);
export type ChannelOptions = Static<typeof channel>;

/** What a type alone takes has no `default`: it would be filled in for all devices, and belongs to one. */
const device = Type.Object(
  {
    type: oneOf(typeNames, { type: "string", description: "What the device is." }),
    chipSelect: integer("Its chip select: 1 is /dev/spidev0.1 on bus 0.", 0, 255),
    everyMs: Type.Optional(
      integer("Time between two samples, in milliseconds.", 10, dayMs, { default: defaults.everyMs }),
    ),
    speedHz: Type.Optional(
      integer("Highest clock, in hertz; by default what the type's datasheet allows.", 1, 200_000_000),
    ),
    mode: Type.Optional(oneOf([0, 1, 2, 3] as const, { description: "SPI mode.", default: 0 })),
    chipSelectHigh: Type.Optional(
      Type.Boolean({ description: "Whether the chip select is active high.", default: false }),
    ),
    delayUs: Type.Optional(
      integer("Time between the last bit and the end of the chip select, in microseconds.", 0, 65_535, {
        default: 0,
      }),
    ),
    bitsPerWord: Type.Optional(integer("generic: bits of a word; 8 by default.", 1, 32)),
    lsbFirst: Type.Optional(
      Type.Boolean({ description: "generic: whether the least significant bit goes first; no by default." }),
    ),
    referenceVolts: Type.Optional(
      number("mcp3004, mcp3008: voltage at VREF; 3.3 by default.", { exclusiveMinimum: 0, maximum: 7 }),
    ),
    channels: Type.Optional(byName(channel, "mcp3004, mcp3008: the inputs by name.")),
    transfers: Type.Optional(
      Type.Array(transfer, {
        description: "generic: the transfers of one sample, in order.",
        minItems: 1,
        maxItems: 32,
      }),
    ),
    commands: Type.Optional(byName(command, "generic: commands by name.")),
  },
  { ...closed, description: "One device." },
);
export type DeviceOptions = Static<typeof device>;

export const optionsSchema = Type.Object(
  {
    bus: integer("The controller: 0 is that of /dev/spidev0.*.", 0, 4095),
    timeoutMs: Type.Optional(
      integer("Longest time for one transfer, in milliseconds.", 10, 60_000, { default: defaults.timeoutMs }),
    ),
    quarantine: Type.Optional(
      Type.Object(
        {
          initialMs: integer("First wait, in milliseconds.", 1, dayMs, {
            default: defaults.quarantine.initialMs,
          }),
          maxMs: integer("Longest wait, in milliseconds.", 1, dayMs, { default: defaults.quarantine.maxMs }),
        },
        {
          ...closed,
          description:
            "Waits, doubling, before a device that failed is asked again; the first not above everyMs.",
          default: { ...defaults.quarantine },
        },
      ),
    ),
    offlineAfter: Type.Optional(
      integer("Failures in a row after which a device is reported offline.", 1, 100, {
        default: defaults.offlineAfter,
      }),
    ),
    devices: byName(device, "The devices by name: letters, digits, - and _."),
  },
  closed,
);
export type SpiOptions = Static<typeof optionsSchema>;
