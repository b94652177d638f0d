import { type Static, Type } from "typebox";
import { referencePattern } from "./address.ts";
import { maxCoilsPerRead, maxRegistersPerRead } from "./pdu.ts";
import { priorities } from "./priority.ts";
import { profileNames, profiles } from "./profiles.ts";
import { valueTypes } from "./values.ts";
import { wordOrders } from "./words.ts";

/** What an option is when it is left out. */
export const defaults = {
  transport: "tcp",
  port: 502,
  baudRate: 19_200,
  parity: "even",
  turnaroundMs: 100,
  retries: 1,
  timeoutMs: 1000,
  connectTimeoutMs: 5000,
  reconnect: { initialMs: 500, maxMs: 30_000 },
  quarantine: { initialMs: 1000, maxMs: 60_000 },
  offlineAfter: 2,
  maxInFlight: 1,
  readBack: true,
  intervalMs: 1000,
  priority: "normal",
  table: "holding",
  access: "read",
  /**
   * Behind a gateway at 9600 Bd, the slow case, a request takes about 20 characters of frame and silence and a
   * device's 10 to 50 ms of thought, as much as 15 to 35 registers of two characters. On pure TCP a request is
   * dearer still, so this errs on the side of small reads.
   */
  requestCost: 32,
  gapCost: 1,
} as const;

const name = "^[A-Za-z0-9_-]+$";
const oneOf = <T extends string>(values: readonly T[], options: object) =>
  Type.Unsafe<T>({ type: "string", enum: [...values], ...options });
const optional = {
  integer: (description: string, minimum: number, maximum: number, byDefault?: number) =>
    Type.Optional(
      Type.Integer({
        description,
        minimum,
        maximum,
        ...(byDefault === undefined ? {} : { default: byDefault }),
      }),
    ),
  number: (description: string, byDefault?: number) =>
    Type.Optional(Type.Number({ description, ...(byDefault === undefined ? {} : { default: byDefault }) })),
};
const closed = { additionalProperties: false };
const dayMs = 86_400_000;

const backoff = (description: string, { initialMs, maxMs }: { initialMs: number; maxMs: number }) =>
  Type.Optional(
    Type.Object(
      {
        initialMs: Type.Integer({
          description: "First wait, in milliseconds.",
          minimum: 1,
          maximum: dayMs,
          default: initialMs,
        }),
        maxMs: Type.Integer({
          description: "Longest wait, in milliseconds.",
          minimum: 1,
          maximum: dayMs,
          default: maxMs,
        }),
      },
      { ...closed, description, default: { initialMs, maxMs } },
    ),
  );

// What a profile may say has no `default` in the schema: filled in, it would count as the user's word against the
// profile's.
const register = Type.Object(
  {
    table: Type.Optional(
      oneOf(["holding", "input", "coil", "discrete"] as const, {
        description: "Table of the data model. Default: told by the reference, else holding.",
      }),
    ),
    address: Type.Optional(
      Type.Unsafe<number | string>({
        description:
          "Address from 0, as it goes over the wire; or, as a string, a manual's reference of 5 or 6 digits that counts from 1, such as '40001'. Required but for a register of the profile.",
        anyOf: [
          { type: "integer", minimum: 0, maximum: 65535 },
          { type: "string", pattern: referencePattern },
        ],
      }),
    ),
    type: Type.Optional(
      oneOf(valueTypes, { description: "Form of the value. Default: uint16, or bool in a table of bits." }),
    ),
    wordOrder: Type.Optional(
      oneOf(wordOrders, {
        description:
          "Order of the value's bytes, A the most significant: ABCD big-endian (the default), CDAB words swapped, BADC bytes swapped, DCBA little-endian.",
      }),
    ),
    registers: optional.integer(
      "Width of a string or bcd value, in registers. Default: 1.",
      1,
      maxRegistersPerRead,
    ),
    bit: optional.integer(
      "bool: the bit meant (0 the least significant; left out: the register is not 0). Unsigned integers: the lowest bit of a field.",
      0,
      31,
    ),
    bits: optional.integer("Width of the bit field, in bits. Default: 1.", 1, 32),
    scale: optional.number("value = raw × scale + offset. Default: 1."),
    offset: optional.number("Added after scaling. Default: 0."),
    unit: Type.Optional(
      Type.String({ description: "Unit of the value: RFC 8428 section 12.1, such as V, A, W, Wh, Cel." }),
    ),
    access: Type.Optional(
      oneOf(["read", "write", "read-write"] as const, {
        description: "Whether it is polled (the default), can be commanded, or both.",
      }),
    ),
    intervalMs: optional.integer("Polling interval, in milliseconds. Default: the unit's.", 10, dayMs),
    priority: Type.Optional(
      oneOf(priorities, { description: "Whose turn it is when the line is crowded. Default: the unit's." }),
    ),
    min: optional.number("Least value that may be written. Default: what the type holds."),
    max: optional.number("Greatest value that may be written. Default: what the type holds."),
  },
  { ...closed, description: "One quantity." },
);
export type RegisterOptions = Static<typeof register>;

const unit = Type.Object(
  {
    unit: Type.Integer({
      description:
        "Unit identifier on this connection; on a serial line its address, 1 to 247, or 0 for all.",
      minimum: 0,
      maximum: 255,
    }),
    profile: Type.Optional(
      oneOf(profileNames, {
        description: `A device whose registers are known: ${profileNames
          .map((name) => `${name} (${profiles[name].summary})`)
          .join(", ")}. What stands beside it counts more.`,
        markdownEnumDescriptions: profileNames.map((name) => profiles[name].summary),
      }),
    ),
    without: Type.Optional(
      Type.Array(Type.String({ pattern: name }), {
        description: "Registers of the profile that are left out, by name.",
        maxItems: 1000,
      }),
    ),
    intervalMs: optional.integer("Polling interval, in milliseconds. Default: 1000.", 10, dayMs),
    priority: Type.Optional(
      oneOf(priorities, {
        description:
          "Whose turn it is when the line is crowded: high passes all that wait, normal those of low; none starves.",
        default: defaults.priority,
      }),
    ),
    maxRegistersPerRead: optional.integer(
      `Most registers that the device gives in one read. Default: ${maxRegistersPerRead}.`,
      1,
      maxRegistersPerRead,
    ),
    maxCoilsPerRead: optional.integer(
      `Most coils or discrete inputs in one read. Default: ${maxCoilsPerRead}.`,
      1,
      maxCoilsPerRead,
    ),
    requestCost: Type.Optional(
      Type.Number({
        description:
          "What a request costs, in registers' worth of time: 32 suits a gateway at 9600 Bd, 125 pure TCP.",
        exclusiveMinimum: 0,
        default: defaults.requestCost,
      }),
    ),
    gapCost: Type.Optional(
      Type.Number({
        description: "What reading one more register costs; 0 reads across every gap.",
        minimum: 0,
        default: defaults.gapCost,
      }),
    ),
    registers: Type.Optional(
      Type.Record(Type.String({ pattern: name }), register, {
        ...closed,
        description:
          "The quantities by name: letters, digits, - and _. With a profile: what is added to its registers, or changed in them.",
      }),
    ),
  },
  { ...closed, description: "One device." },
);
export type UnitOptions = Static<typeof unit>;

/** What all transports have. */
const common = {
  timeoutMs: optional.integer("Longest wait for a reply, in milliseconds.", 1, 60_000, defaults.timeoutMs),
  reconnect: backoff("Waits between attempts to connect, doubling with jitter.", defaults.reconnect),
  quarantine: backoff("Waits between probes of a unit that does not answer.", defaults.quarantine),
  offlineAfter: optional.integer(
    "Failures in a row after which a unit is reported offline.",
    1,
    100,
    defaults.offlineAfter,
  ),
  readBack: Type.Optional(
    Type.Boolean({
      description: "Whether a written value is read back and compared (read-write registers).",
      default: defaults.readBack,
    }),
  ),
  units: Type.Record(Type.String({ pattern: name }), unit, {
    ...closed,
    minProperties: 1,
    description: "The devices by name: letters, digits, - and _.",
  }),
};

const network = {
  host: Type.String({ description: "Name or address of the server or gateway.", minLength: 1 }),
  connectTimeoutMs: optional.integer(
    "Longest wait for a connection, in milliseconds.",
    1,
    60_000,
    defaults.connectTimeoutMs,
  ),
};

/** What RTU has, over whatever line. */
const rtu = {
  silenceMs: Type.Optional(
    Type.Number({
      description:
        "Least silence before a request, in milliseconds. Default: 3.5 characters on a serial line, 0 over TCP.",
      minimum: 0,
      maximum: 1000,
    }),
  ),
  turnaroundMs: optional.integer(
    "Rest after a broadcast, in milliseconds.",
    0,
    10_000,
    defaults.turnaroundMs,
  ),
  lateMs: optional.integer(
    "How long a unit that did not answer in time is left alone, in milliseconds, so that its late reply is not taken for another. Default: timeoutMs.",
    0,
    60_000,
  ),
  retries: optional.integer(
    "How often a read is sent again whose reply came damaged.",
    0,
    10,
    defaults.retries,
  ),
};

const tcpOptions = Type.Object(
  {
    transport: Type.Optional(
      Type.Literal("tcp", { description: "Modbus TCP, RTU over TCP or a serial line.", default: "tcp" }),
    ),
    ...network,
    port: optional.integer("TCP port.", 1, 65535, defaults.port),
    maxInFlight: optional.integer(
      "Requests under way at once; most servers and all serial gateways want 1.",
      1,
      16,
      defaults.maxInFlight,
    ),
    ...common,
  },
  { ...closed, title: "Modbus TCP" },
);

const tunnelOptions = Type.Object(
  {
    transport: Type.Literal("rtu-over-tcp", {
      description:
        "RTU frames through a TCP connection: what a serial server does that knows nothing of Modbus.",
    }),
    ...network,
    port: Type.Integer({ description: "TCP port.", minimum: 1, maximum: 65535 }),
    ...rtu,
    ...common,
  },
  { ...closed, title: "Modbus RTU over TCP" },
);

const serialOptions = Type.Object(
  {
    transport: Type.Literal("serial", { description: "RTU on a serial port." }),
    path: Type.String({
      description:
        "The port: /dev/ttyAMA1. A USB converter's name below /dev/serial/by-id or by-path stays the same.",
      pattern: "^/",
    }),
    baudRate: optional.integer("Bits per second.", 300, 4_000_000, defaults.baudRate),
    parity: Type.Optional(
      oneOf(["even", "odd", "none"] as const, { description: "Parity bit.", default: defaults.parity }),
    ),
    stopBits: optional.integer("Stop bits. Default: 1, and 2 without parity.", 1, 2),
    dataBits: Type.Optional(
      Type.Literal(8, { description: "Data bits; RTU has 8, whatever the line.", default: 8 }),
    ),
    rts: Type.Optional(
      Type.Object(
        {
          sending: Type.Optional(
            oneOf(["high", "low"] as const, { description: "RTS while sending.", default: "high" }),
          ),
          beforeMs: optional.integer("Wait before the first character, in milliseconds.", 0, 100, 0),
          afterMs: optional.integer("Wait behind the last character, in milliseconds.", 0, 100, 0),
        },
        {
          ...closed,
          description:
            "Switches the RS-485 driver by RTS from this process; left out where the kernel or the converter does it.",
        },
      ),
    ),
    ...rtu,
    ...common,
  },
  { ...closed, title: "Modbus RTU on a serial line" },
);

/** By `transport`; without one it is Modbus TCP. */
export const optionsSchema = Type.Union([tcpOptions, tunnelOptions, serialOptions]);
export type ModbusOptions = Static<typeof optionsSchema>;
