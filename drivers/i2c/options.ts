import { type Static, Type } from "typebox";

/** What an option is when it is left out. */
export const defaults = {
  everyMs: 1000,
  timeoutMs: 2000,
  quarantine: { initialMs: 1000, maxMs: 10_000 },
  offlineAfter: 2,
} as const;

/** A driver's type names, in the order of the documentation. */
export const typeNames = [
  "tmp105",
  "lm75",
  "bme280",
  "bmp280",
  "sht3x",
  "ads1115",
  "ina219",
  "ds1338",
  "mcp23017",
  "pca9554",
  "at24c",
  "generic",
] as const;

const name = "^[A-Za-z0-9][A-Za-z0-9_-]*$";
const closed = { additionalProperties: false };
const dayMs = 86_400_000;
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
const access = oneOf(["read", "write", "read-write"] as const, {
  description: "Whether it is sampled, can be commanded, or both.",
  default: "read",
});

const register = Type.Object(
  {
    register: Type.Optional(
      integer(
        "Number of the register; left out: the device has none, it is read and written plainly.",
        0,
        255,
      ),
    ),
    bytes: Type.Optional(integer("Width of the register, in bytes.", 1, 4, { default: 1 })),
    endian: Type.Optional(
      oneOf(["big", "little"] as const, { description: "Which byte comes first.", default: "big" }),
    ),
    mask: Type.Optional(integer("Bits that are the value; default: all.", 1, 0xffff_ffff)),
    shift: Type.Optional(
      integer(
        "Places that the masked bits are moved to the right; default: to the mask's lowest bit.",
        0,
        31,
      ),
    ),
    signed: Type.Optional(
      Type.Boolean({
        description: "Whether the value is two's complement, of as many bits as the mask has.",
        default: false,
      }),
    ),
    boolean: Type.Optional(
      Type.Boolean({
        description: "Whether the value is true or false: any bit set, or none.",
        default: false,
      }),
    ),
    scale: Type.Optional(number("value = raw × scale + offset.", { default: 1 })),
    offset: Type.Optional(number("Added after scaling.", { default: 0 })),
    unit: Type.Optional(unit),
    access: Type.Optional(access),
    min: Type.Optional(number("Least value that may be written; default: what the bits hold.")),
    max: Type.Optional(number("Greatest value that may be written; default: what the bits hold.")),
  },
  { ...closed, description: "One quantity." },
);
export type RegisterOptions = Static<typeof register>;

const channel = Type.Object(
  {
    input: oneOf(["0", "1", "2", "3", "0-1", "0-3", "1-3", "2-3"] as const, {
      description: 'Pin AIN0 to AIN3 against ground, or the difference of two: "0-1".',
    }),
    fullScaleVolts: Type.Optional(
      oneOf([6.144, 4.096, 2.048, 1.024, 0.512, 0.256] as const, {
        description: "Range of the input: ± so many volts.",
        default: 2.048,
      }),
    ),
    scale: Type.Optional(number("value = volts × scale + offset.", { default: 1 })),
    offset: Type.Optional(number("Added after scaling.", { default: 0 })),
    unit: Type.Optional(Type.String({ description: "Unit of the value.", default: "V" })),
  },
  { ...closed, description: "One input." },
);
export type ChannelOptions = Static<typeof channel>;

const pin = Type.Object(
  {
    pin: integer("Number of the pin: 0 to 7 are P0 to P7 or GPA0 to GPA7, 8 to 15 GPB0 to GPB7.", 0, 15),
    direction: Type.Optional(
      oneOf(["in", "out"] as const, { description: "Whether it is read or driven.", default: "in" }),
    ),
    pullUp: Type.Optional(
      Type.Boolean({ description: "mcp23017: whether the pin's pull-up is on.", default: false }),
    ),
    activeLow: Type.Optional(Type.Boolean({ description: "Whether a low level is true.", default: false })),
    initial: Type.Optional(
      Type.Boolean({
        description: "out: what it is after power-up, until the first command.",
        default: false,
      }),
    ),
  },
  { ...closed, description: "One pin." },
);
export type PinOptions = Static<typeof pin>;

const field = Type.Object(
  {
    at: integer("Place of the first byte.", 0, 65_535),
    length: integer("Number of bytes.", 1, 256),
    form: Type.Optional(
      oneOf(["text", "hex"] as const, {
        description: "text: UTF-8 up to the first byte 0x00 or 0xFF; hex: all bytes as hexadecimal digits.",
        default: "text",
      }),
    ),
    access: Type.Optional(access),
  },
  { ...closed, description: "One piece of the memory." },
);
export type FieldOptions = Static<typeof field>;

/** What a type alone takes has no `default`: it would be filled in for all devices, and belongs to one. */
const device = Type.Object(
  {
    type: oneOf(typeNames, { type: "string", description: "What the device is." }),
    address: integer("Address of 7 bits, as in 0x48; 8 bits in a datasheet are twice that.", 0x08, 0x77),
    everyMs: Type.Optional(
      integer("Time between two samples, in milliseconds.", 10, dayMs, { default: defaults.everyMs }),
    ),
    resolutionBits: Type.Optional(
      integer(
        "tmp105: 9 to 12 bits, 12 by default; lm75: 9 (LM75, LM75A) or 11 (LM75B), 9 by default.",
        9,
        12,
      ),
    ),
    oversampling: Type.Optional(
      oneOf([1, 2, 4, 8, 16] as const, {
        description: "bme280, bmp280: conversions that one value is the mean of; 1 by default.",
      }),
    ),
    repeatability: Type.Optional(
      oneOf(["low", "medium", "high"] as const, {
        description: "sht3x: the longer it measures, the less it scatters; high by default.",
      }),
    ),
    shuntOhms: Type.Optional(
      number("ina219: resistance between its two inputs, in ohms; 0.1 by default.", { exclusiveMinimum: 0 }),
    ),
    channels: Type.Optional(byName(channel, "ads1115: the inputs by name.")),
    pins: Type.Optional(byName(pin, "mcp23017, pca9554: the pins by name.")),
    bytes: Type.Optional(
      integer("at24c: size of the memory, in bytes; 256, as of an AT24C02, by default.", 128, 65_536),
    ),
    pageBytes: Type.Optional(
      integer("at24c: most bytes of one write, as its datasheet says; 8 by default.", 1, 128),
    ),
    fields: Type.Optional(byName(field, "at24c: pieces of the memory by name.")),
    registers: Type.Optional(byName(register, "generic: the quantities by name.")),
  },
  { ...closed, description: "One device." },
);
export type DeviceOptions = Static<typeof device>;

export const optionsSchema = Type.Object(
  {
    bus: Type.Unsafe<number | string>({
      description:
        "The adapter: its number (1 is /dev/i2c-1), a path to its device file, or its name or the beginning of it, as i2cdetect -l shows.",
      anyOf: [
        { type: "integer", minimum: 0, maximum: 4095 },
        { type: "string", minLength: 1 },
      ],
    }),
    timeoutMs: Type.Optional(
      integer(
        "Longest time for one transfer, in milliseconds; the kernel's own is 1 s with most adapters.",
        10,
        60_000,
        {
          default: defaults.timeoutMs,
        },
      ),
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
export type I2cOptions = Static<typeof optionsSchema>;
