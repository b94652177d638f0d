import { type Static, Type } from "typebox";
import { binaryTypeNames } from "./binary.ts";
import type { ByteText } from "./byte-text.ts";
import { checksumNames } from "./checksum.ts";

/** What an option is when it is left out. */
export const defaults = {
  baudRate: 9600,
  dataBits: 8,
  parity: "none",
  stopBits: 1,
  flow: "none",
  maxFrameBytes: 1024,
  gapMs: 200,
  silentMs: 10_000,
  errorsEveryMs: 60_000,
  onError: "ignore",
  separator: ",",
  reconnect: { initialMs: 500, maxMs: 10_000 },
  nmea: { checksum: "required", time: true, latencyMs: 0, accuracyMs: 500, weekRollover: "refuse" },
} as const;

const name = "^[A-Za-z0-9][A-Za-z0-9_-]*(/[A-Za-z0-9][A-Za-z0-9_-]*)*$";
const closed = { additionalProperties: false };
const dayMs = 86_400_000;
const oneOf = <T extends string | number>(values: readonly T[], options: object) =>
  Type.Unsafe<T>({ enum: [...values], ...options });
const integer = (description: string, minimum: number, maximum: number, more: object = {}) =>
  Type.Integer({ description, minimum, maximum, ...more });
const byName = <T extends Parameters<typeof Type.Record>[1]>(value: T, description: string) =>
  Type.Record(Type.String({ pattern: name }), value, { ...closed, minProperties: 1, description });
const byteText = (description: string) =>
  Type.Unsafe<ByteText>({
    description: `${description} A text, or { hex: "0D 0A" }.`,
    anyOf: [
      { type: "string", minLength: 1, maxLength: 1024 },
      {
        type: "object",
        properties: { hex: { type: "string", pattern: "^[0-9A-Fa-f \\t]+$", maxLength: 3072 } },
        required: ["hex"],
        ...closed,
      },
    ],
  });

const field = Type.Object(
  {
    group: Type.Optional(Type.String({ description: "Taken from this named group of the pattern." })),
    column: Type.Optional(integer("Taken from this column of a separated line; 0 is the first.", 0, 1023)),
    pointer: Type.Optional(
      Type.String({
        pattern: "^(/([^~/]|~[01])*)*$",
        description: "Taken from the frame as JSON by this JSON Pointer (RFC 6901).",
      }),
    ),
    at: Type.Optional(integer("Taken from the bytes from this one on; 0 is the first.", 0, 65_535)),
    type: Type.Optional(
      oneOf(binaryTypeNames, { type: "string", description: "With at: what the bytes are, such as u16le." }),
    ),
    bytes: Type.Optional(integer("With at and as: text: number of bytes.", 1, 1024)),
    as: Type.Optional(
      oneOf(["number", "text", "boolean"] as const, {
        type: "string",
        description:
          "What the value is to be: number, text, or boolean (true, on, yes, 1; false, off, no, 0).",
        default: "number",
      }),
    ),
    mask: Type.Optional(
      integer("With at: bits that are the value, moved down to the lowest of them.", 1, 0xffff_ffff),
    ),
    scale: Type.Optional(Type.Number({ description: "value = number × scale + offset.", default: 1 })),
    offset: Type.Optional(Type.Number({ description: "Added after scaling.", default: 0 })),
    unit: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 64,
        description: "Unit of the value: RFC 8428 section 12.1 or RFC 8798, such as Cel, kg, hPa.",
      }),
    ),
  },
  { ...closed, description: "One value of a frame: one of group, column, pointer and at." },
);
export type FieldOptions = Static<typeof field>;

const command = Type.Object(
  {
    send: byteText("What is written; $value in a text stands for the command's value."),
    type: Type.Optional(
      oneOf(["number", "integer", "boolean", "text"] as const, {
        type: "string",
        description: "What the command's value must be. Left out: there is none.",
      }),
    ),
    minimum: Type.Optional(Type.Number({ description: "Least number." })),
    maximum: Type.Optional(Type.Number({ description: "Greatest number." })),
    decimals: Type.Optional(
      integer("Digits after the point of a number. Left out: as many as it has.", 0, 12),
    ),
    words: Type.Optional(
      Type.Object(
        {
          true: Type.String({ description: "What true is on the line.", default: "1" }),
          false: Type.String({ description: "What false is on the line.", default: "0" }),
        },
        { ...closed, description: "boolean: the two words." },
      ),
    ),
    values: Type.Optional(
      Type.Array(Type.String(), { minItems: 1, description: "text: the values that are allowed." }),
    ),
    maxLength: Type.Optional(integer("text: most characters; 64 by default.", 1, 1024)),
    unit: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: "Unit of the value." })),
  },
  { ...closed, description: "One command." },
);
export type CommandOptions = Static<typeof command>;

const nmea = Type.Object(
  {
    checksum: Type.Optional(
      oneOf(["required", "optional"] as const, {
        type: "string",
        description: "Whether a sentence without a checksum is refused; a wrong one always is.",
        default: defaults.nmea.checksum,
      }),
    ),
    time: Type.Optional(
      Type.Boolean({
        description: "Whether the receiver's time is offered to the node.",
        default: defaults.nmea.time,
      }),
    ),
    latencyMs: Type.Optional(
      integer(
        "Time from the moment that a sentence names to its first byte on the line, if it is known.",
        0,
        5000,
        { default: defaults.nmea.latencyMs },
      ),
    ),
    accuracyMs: Type.Optional(
      integer("How far the time may be off.", 1, 60_000, { default: defaults.nmea.accuracyMs }),
    ),
    weekRollover: Type.Optional(
      oneOf(["refuse", "correct"] as const, {
        type: "string",
        description: "What to do with a date that is 1024 weeks (or 2048 …) too early.",
        default: defaults.nmea.weekRollover,
      }),
    ),
  },
  { ...closed, description: "framing nmea: how sentences are taken." },
);
export type NmeaOptions = Static<typeof nmea>;

const backoff = Type.Object(
  {
    initialMs: integer("First wait.", 1, dayMs, { default: defaults.reconnect.initialMs }),
    maxMs: integer("Longest wait.", 1, dayMs, { default: defaults.reconnect.maxMs }),
  },
  {
    ...closed,
    description: "Waits, doubling, before a port that is not there is tried again.",
    default: { ...defaults.reconnect },
  },
);

export const optionsSchema = Type.Object(
  {
    path: Type.String({
      pattern: "^/",
      description: "The port: /dev/ttyAMA1; for USB a name below /dev/serial/by-id, which stays.",
    }),
    baudRate: Type.Optional(integer("Bits per second.", 50, 4_000_000, { default: defaults.baudRate })),
    dataBits: Type.Optional(
      oneOf([7, 8] as const, { description: "Bits of a character.", default: defaults.dataBits }),
    ),
    parity: Type.Optional(
      oneOf(["none", "even", "odd"] as const, {
        type: "string",
        description: "Parity bit of a character.",
        default: defaults.parity,
      }),
    ),
    stopBits: Type.Optional(
      oneOf([1, 2] as const, { description: "Stop bits of a character.", default: defaults.stopBits }),
    ),
    flow: Type.Optional(
      oneOf(["none", "rts-cts", "xon-xoff"] as const, {
        type: "string",
        description: "Flow control.",
        default: defaults.flow,
      }),
    ),
    device: Type.Optional(
      Type.String({
        pattern: "^[A-Za-z0-9][A-Za-z0-9_-]*$",
        description: "First part of the points' names; gnss by default with nmea, else line.",
      }),
    ),
    framing: oneOf(["nmea", "delimiter", "length", "regex"] as const, {
      type: "string",
      description: "How frames are told apart.",
    }),
    nmea: Type.Optional(nmea),
    delimiter: Type.Optional(byteText('framing delimiter: what ends a frame; "\\n" by default.')),
    lengthBytes: Type.Optional(
      integer("framing length: bytes of a frame, start and checksum included.", 1, 4096),
    ),
    start: Type.Optional(byteText("framing length: what each frame begins with.")),
    checksum: Type.Optional(
      oneOf(checksumNames, { type: "string", description: "framing length: what the frame ends with." }),
    ),
    pattern: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 1000,
        description:
          "Regular expression of JavaScript with named groups. framing regex: each match is a frame; else: what a frame must fit.",
      }),
    ),
    separator: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 1,
        description: "Between the columns of a line.",
        default: defaults.separator,
      }),
    ),
    maxFrameBytes: Type.Optional(
      integer("Longest frame; what is longer is garbage. 256 by default with nmea.", 8, 65_536),
    ),
    gapMs: Type.Optional(
      integer("framing length: a silence after which what has come of a frame is given up.", 1, 60_000, {
        default: defaults.gapMs,
      }),
    ),
    fields: Type.Optional(byName(field, "The values of a frame by name; not with nmea.")),
    onError: Type.Optional(
      oneOf(["ignore", "emit"] as const, {
        type: "string",
        description: "Whether a value that can't be read is left out, or emitted as bad with the reason.",
        default: defaults.onError,
      }),
    ),
    errorsEveryMs: Type.Optional(
      integer("Least time between two reports of the number of errors.", 100, dayMs, {
        default: defaults.errorsEveryMs,
      }),
    ),
    minIntervalMs: Type.Optional(
      integer(
        "Frames that come sooner after the last one are passed over; 0 by default. With nmea: of the same sentence, 500 by default.",
        0,
        dayMs,
      ),
    ),
    silentMs: Type.Optional(
      integer(
        "Without a good frame for so long the device is offline; 0: it is online while its port is.",
        0,
        dayMs,
        {
          default: defaults.silentMs,
        },
      ),
    ),
    init: Type.Optional(
      Type.Array(byteText("One write."), {
        maxItems: 64,
        description: "Written each time the port was opened, in this order.",
        default: [],
      }),
    ),
    poll: Type.Optional(
      Type.Object(
        {
          send: byteText("What is written."),
          everyMs: integer("Time between two writes.", 10, dayMs),
        },
        {
          ...closed,
          description: "Written again and again, for devices that answer only when they are asked.",
        },
      ),
    ),
    commands: Type.Optional(byName(command, "Commands by name.")),
    reconnect: Type.Optional(backoff),
  },
  closed,
);
export type SerialOptions = Static<typeof optionsSchema>;
