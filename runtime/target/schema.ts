/**
 * The schema of `node.yaml`, JSON Schema 2020-12: the one source of its keys, ranges, defaults and their
 * descriptions. Where a value has two notations (a size, one URL or several) both stand in one schema with two
 * types instead of a union, since then an error is about the notation that was used.
 * `patternErrorMessage` is what editors, and our own findings, say instead of a regular expression.
 */
import Type, { type Static } from "typebox";
import { severities } from "../alarms/types.ts";
import { levels, mostKeys, mostUsers } from "../people/types.ts";
import { sshKeyPattern } from "../ssh-key.ts";
import { nameSyntax } from "../subjects.ts";
import { apiSchema, appsSchema } from "./schema-api.ts";
import { sizePattern } from "./size.ts";

export const schemaId = "urn:umec:schema:node";

const name = {
  pattern: nameSyntax.source,
  patternErrorMessage: "must be 1 to 63 characters of a-z, 0-9 and -, and neither start nor end with -",
};

function size(options: {
  minimum: number;
  maximum: number;
  default?: number;
  description: string;
  examples: (number | string)[];
}) {
  return Type.Optional(
    Type.Unsafe<number | string>({
      type: ["integer", "string"],
      title: "bytes",
      pattern: sizePattern,
      patternErrorMessage: "must be a whole number of bytes, or one with the unit B, KiB, MiB or GiB",
      ...options,
    }),
  );
}

const hubUrl = {
  pattern: String.raw`^(nats-leaf|tls)://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$`,
  patternErrorMessage: "must be a URL such as tls://hub.example.org:7422, with nats-leaf:// or tls://",
};

const closed = { additionalProperties: false };

export const linkSchema = Type.Object(
  {
    hub: Type.Unsafe<string | string[]>({
      type: ["string", "array"],
      ...hubUrl,
      items: { type: "string", ...hubUrl },
      minItems: 1,
      maxItems: 16,
      uniqueItems: true,
      title: "URL of the hub",
      description:
        "Where the hub accepts leaf nodes: one URL, or a list of the URLs of one cluster. tls:// always encrypts, from the first byte on; nats-leaf:// only when the hub asks for it after its greeting. The port is 7422 unless given.",
      examples: [
        "nats-leaf://127.0.0.1:7422",
        ["tls://hub-1.example.org:7422", "tls://hub-2.example.org:7422"],
      ],
    }),
    credentials: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          "File with this node's NATS credentials for the hub, relative to this file. Absent: the node enrols, with the token in the file enrolment-token beside this one, or has enrolled. @default absent",
        examples: ["./lamp-0042.creds"],
      }),
    ),
    ca: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          "PEM file with the CA of the hub's certificate, relative to this file. Absent: the system's CAs.",
        examples: ["./ca.pem"],
      }),
    ),
    reconnectMs: Type.Optional(
      Type.Integer({
        minimum: 100,
        maximum: 3_600_000,
        default: 5000,
        title: "milliseconds",
        description: "Mean delay between attempts to connect; each is spread by ±50 %.",
      }),
    ),
    frameBytes: size({
      minimum: 1024,
      maximum: 1_000_000,
      default: 131_072,
      description: "Most bytes of samples in one message to the hub; the hub's max_payload must allow it.",
      examples: ["128KiB"],
    }),
    backlogBytesPerS: size({
      minimum: 1024,
      maximum: 1024 ** 3,
      default: 4_194_304,
      description:
        "Most bytes a second for what waited out an outage, so that live samples keep their share of the link.",
      examples: ["4MiB"],
    }),
  },
  {
    ...closed,
    description:
      "The link to the hub. Absent: the node is offline, and stores until its quota is full. @default absent",
  },
);

export const outboxSchema = Type.Object(
  {
    quotaBytes: size({
      minimum: 1024 ** 2,
      maximum: 1024 ** 4,
      default: 268_435_456,
      description:
        "Most bytes of samples that wait on disk. Beyond them the oldest samples of the least important lane go, and a gap record says so.",
      examples: ["256MiB", "4GiB"],
    }),
    commitMs: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1000,
        default: 10,
        title: "milliseconds",
        description:
          "Longest time that a sample waits for others to share an fsync. More spares the flash, less answers sooner.",
      }),
    ),
    commitBytes: size({
      minimum: 1024,
      maximum: 16 * 1024 ** 2,
      default: 262_144,
      description: "Bytes of waiting samples that start an fsync before commitMs is over.",
      examples: ["256KiB"],
    }),
  },
  { ...closed, default: {}, description: "The store on disk that keeps samples until the hub has them." },
);

export const objectsSchema = Type.Object(
  {
    quotaBytes: size({
      minimum: 1024 ** 2,
      maximum: 1024 ** 4,
      default: 67_108_864,
      description:
        "Most bytes of objects, such as pictures, that wait on disk for the hub. Beyond them the oldest go, and an alarm of their plugin says so.",
      examples: ["64MiB"],
    }),
    bytesPerS: size({
      minimum: 1024,
      maximum: 1024 ** 3,
      default: 1_048_576,
      description: "Most bytes of objects a second to the hub, so that samples keep their share of the link.",
      examples: ["256KiB"],
    }),
  },
  { ...closed, default: {}, description: "The store on disk that keeps objects until the hub has them." },
);

export const limitsSchema = Type.Object(
  {
    samplesPerS: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1_000_000,
        title: "samples a second",
        description:
          "Most samples a second; a plugin that sends more for long is stopped and reported. @default 20000, of a program (exec) 1000",
      }),
    ),
    bytesPerS: size({
      minimum: 1024,
      maximum: 1024 ** 3,
      description:
        "Most bytes a second; a plugin that sends more for long is stopped and reported. @default 1 MiB, of a program (exec) 128 KiB",
      examples: ["1MiB"],
    }),
  },
  { ...closed, default: {}, description: "What the plugin may send, so that a fault in it harms no other." },
);

export const safeSchema = Type.Object(
  {
    value: Type.Unsafe<unknown>({
      description: "What the point is set to. It must fit what the driver allows.",
      examples: [0, "off", false],
    }),
    afterMs: Type.Integer({
      minimum: 100,
      maximum: 86_400_000,
      title: "milliseconds",
      description: "Time without a command after which the point is set to it.",
      examples: [30_000],
    }),
  },
  { ...closed, description: "What a point is set to when nobody commands it any more." },
);

/** A program's points, which a driver's manifest would list: `Point` of ../plugin/contract.ts. */
export const pointSchema = Type.Object(
  {
    summary: Type.Optional(
      Type.String({
        maxLength: 200,
        description: "What it is, for people.",
        examples: ["Load of the board"],
      }),
    ),
    unit: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 64,
        description: "Unit of RFC 8428 section 12.1 or RFC 8798.",
        examples: ["Cel", "s"],
      }),
    ),
    access: Type.Optional(
      Type.Enum(["read", "write", "read-write"], {
        default: "read",
        description: "Whether it is measured, can be set, or both.",
      }),
    ),
    schema: Type.Optional(
      Type.Unsafe<Record<string, unknown>>({
        type: "object",
        description:
          "JSON Schema (2020-12) of the values that a command may have; others are refused before the program.",
        examples: [{ type: "number", minimum: 0, maximum: 100 }],
      }),
    ),
  },
  { ...closed, description: "One thing that a program measures or acts on." },
);

export const pluginSchema = Type.Object(
  {
    driver: Type.Optional(
      Type.String({
        minLength: 1,
        description: "The driver that this plugin runs.",
        examples: ["modbus"],
      }),
    ),
    exec: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 4096 }), {
        minItems: 1,
        maxItems: 64,
        description:
          "Instead of a driver: a program, by its absolute path, and its arguments. It runs as a process with a user of its own on the bus.",
        examples: [["/usr/bin/python3", "/data/plugins/py/main.py"]],
      }),
    ),
    isolate: Type.Optional(
      Type.Enum(["process"], {
        description:
          "Runs the driver in a process of its own, so that a loop or a leak in it harms no other.",
      }),
    ),
    memoryBytes: size({
      minimum: 4 * 1024 ** 2,
      maximum: 1024 ** 4,
      description: "Most memory of the plugin's process.",
      examples: ["128MiB"],
    }),
    cpuPercent: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 6400,
        title: "per cent of one processor",
        description: "Most processor time of the plugin's process; 200 is two whole processors.",
        examples: [50],
      }),
    ),
    devices: Type.Optional(
      Type.Array(
        Type.String({ pattern: "^/dev/[^\\s]+$", patternErrorMessage: "must be a path below /dev" }),
        {
          maxItems: 64,
          description: "Device nodes that the plugin's process may open, where the system can limit that.",
          examples: [["/dev/ttyUSB0"]],
        },
      ),
    ),
    deadlineMs: Type.Optional(
      Type.Integer({
        minimum: 1000,
        maximum: 86_400_000,
        title: "milliseconds",
        description:
          "Longest time that the plugin's process may go without a sample before it is started again.",
        examples: [60_000],
      }),
    ),
    points: Type.Optional(
      Type.Unsafe<Record<string, Static<typeof pointSchema>>>({
        type: "object",
        additionalProperties: pointSchema,
        maxProperties: 1000,
        description:
          "What a program measures and acts on, by name. With it the node judges commands before the program gets them.",
        examples: [{ "lamp/level": { access: "read-write", schema: { type: "number", minimum: 0 } } }],
      }),
    ),
    required: Type.Optional(
      Type.Boolean({
        default: true,
        description:
          "Whether a software update counts as good only after this plugin has sampled; else the node falls back.",
      }),
    ),
    limits: Type.Optional(limitsSchema),
    options: Type.Optional(
      Type.Unsafe<Record<string, unknown>>({
        type: "object",
        default: {},
        description: "The driver's own options. Secrets are named here, never written out.",
      }),
    ),
    safe: Type.Optional(
      Type.Unsafe<Record<string, Static<typeof safeSchema>>>({
        type: "object",
        additionalProperties: safeSchema,
        maxProperties: 64,
        description:
          "Points that must not keep what they were last set to: each is set to its safe value when the driver starts, and when no command has come for a while.",
        examples: [{ "lamp/level": { value: 0, afterMs: 30_000 } }],
      }),
    ),
  },
  { ...closed, description: "One running instance of a driver." },
);

export const alarmSchema = Type.Object(
  {
    point: Type.String({
      pattern: "^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(/[A-Za-z0-9][A-Za-z0-9_-]*)+$",
      patternErrorMessage: "must be plugin/device/quantity, such as meter/line/voltage",
      description: "The point that is watched, plugin/device/quantity.",
      examples: ["meter/line/voltage"],
    }),
    above: Type.Optional(Type.Number({ description: "Raised while the value is larger.", examples: [253] })),
    below: Type.Optional(Type.Number({ description: "Raised while the value is smaller.", examples: [207] })),
    equals: Type.Optional(
      Type.Unsafe<number | string | boolean>({
        type: ["number", "string", "boolean"],
        description: "Raised while the value is this one.",
        examples: [true, "fault"],
      }),
    ),
    quality: Type.Optional(
      Type.Enum(["uncertain", "bad"], { description: "Raised while the quality is this one, or worse." }),
    ),
    hysteresis: Type.Optional(
      Type.Number({
        minimum: 0,
        default: 0,
        description:
          "How far a value must come back behind above or below before the alarm is cleared, so that one that trembles there raises it once.",
      }),
    ),
    holdMs: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 86_400_000,
        default: 0,
        title: "milliseconds",
        description: "How long it must last before the alarm is raised.",
      }),
    ),
    clearHoldMs: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 86_400_000,
        default: 5000,
        title: "milliseconds",
        description: "How long it must be over before the alarm is cleared.",
      }),
    ),
    severity: Type.Optional(
      Type.Enum([...severities], { default: "warning", description: "How much it matters." }),
    ),
  },
  { ...closed, description: "Something to be told at once; exactly one of above, below, equals, quality." },
);

export const userSchema = Type.Object(
  {
    level: Type.Enum([...levels], {
      description: "What this person may do: each level may do what the one before may, and more.",
      examples: ["operator"],
    }),
    ssh: Type.Optional(
      Type.Array(
        Type.String({
          pattern: sshKeyPattern,
          patternErrorMessage: "must be a line as in a file *.pub of ssh",
        }),
        {
          maxItems: mostKeys,
          default: [],
          description: "Public keys with which this person logs in, as the Unix user of the level.",
          examples: [
            ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPsQT4SO+SfajT41TBMkGPFan+5dyMJ4gUBDAQ8arBq anna@desk"],
          ],
        },
      ),
    ),
  },
  { ...closed, description: "One person." },
);

export const gateSchema = Type.Object(
  {
    deadlineS: Type.Optional(
      Type.Integer({
        minimum: 30,
        maximum: 3600,
        default: 300,
        title: "seconds",
        description:
          "How long a new system may take from its start until all required plugins have sampled and the hub has answered; else the node falls back to the old one.",
      }),
    ),
    offline: Type.Optional(
      Type.Boolean({
        default: false,
        description:
          "Whether a new system counts as good although the hub has not answered, for a node that is rarely linked.",
      }),
    ),
  },
  { ...closed, default: {}, description: "What a new system must show before it is kept." },
);

export const updateSchema = Type.Object(
  {
    automatic: Type.Optional(
      Type.Boolean({
        default: true,
        description:
          "Whether the node restarts by itself for an update that the hub has ordered; else a person says when, by umec update --restart.",
      }),
    ),
    window: Type.Optional(
      Type.String({
        pattern: "^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$",
        patternErrorMessage: "must be a time of day from and to, such as 02:00-04:00",
        description:
          "Time of day, UTC, in which the node may restart for an update; one that ends before it begins crosses midnight. It fetches and installs at any time. @default at any time",
        examples: ["02:00-04:00"],
      }),
    ),
    rateBytesPerS: size({
      minimum: 1024,
      maximum: 1024 ** 3,
      default: 524_288,
      description:
        "Most bytes of an update a second from the hub, so that samples keep their share of the link.",
      examples: ["512KiB"],
    }),
    gate: Type.Optional(gateSchema),
  },
  { ...closed, default: {}, description: "Updates of the node's system." },
);

export const targetSchema = Type.Object(
  {
    node: Type.String({
      ...name,
      description: "The node's name, unique at the hub. It is a token of every subject that the node uses.",
      examples: ["lamp-0042"],
    }),
    data: Type.Optional(
      Type.String({
        minLength: 1,
        default: "./data",
        description: "Directory of all that the node writes, relative to this file.",
      }),
    ),
    log: Type.Optional(
      Type.Object(
        {
          level: Type.Optional(
            Type.Enum(["debug", "info", "warn", "error"], {
              default: "info",
              description: "The least important level that is written.",
            }),
          ),
        },
        { ...closed, default: {}, description: "The node's log." },
      ),
    ),
    link: Type.Optional(linkSchema),
    outbox: Type.Optional(outboxSchema),
    objects: Type.Optional(objectsSchema),
    update: Type.Optional(updateSchema),
    clock: Type.Optional(
      Type.Object(
        {
          trust: Type.Optional(
            Type.Enum(["auto", "always", "synchronized"], {
              default: "auto",
              description:
                "When wall-clock time is believed: always, only once a time service has synchronized it, or auto, which decides by what the board has. Samples taken before that get their time afterwards.",
            }),
          ),
        },
        { ...closed, default: {}, description: "Wall-clock time." },
      ),
    ),
    secrets: Type.Optional(
      Type.Unsafe<Record<string, string>>({
        type: "object",
        propertyNames: {
          pattern: "^[a-z0-9-]{1,63}$",
          patternErrorMessage: "must be 1 to 63 of a-z, 0-9 and -",
        },
        additionalProperties: {
          type: "string",
          pattern: String.raw`^(file|umec-sealed-1\.[A-Za-z0-9_-]{64,})$`,
          patternErrorMessage: "must be file, or what `umec seal NAME` prints; never the secret itself",
          description:
            "file: in the node's directory of secrets. Else the text that umec seal makes for this node under this name.",
        },
        maxProperties: 256,
        default: {},
        description: "Where the secrets are that plugins' options name. One that is not here is a file.",
        examples: [{ "station-token": "file" }],
      }),
    ),
    plugins: Type.Optional(
      Type.Unsafe<Record<string, Static<typeof pluginSchema>>>({
        type: "object",
        propertyNames: name,
        additionalProperties: pluginSchema,
        maxProperties: 256,
        default: {},
        description:
          "The plugins by name. The name is a token of the subjects that the plugin's samples go to.",
        examples: [{ meter: { driver: "modbus", options: {} } }],
      }),
    ),
    alarms: Type.Optional(
      Type.Unsafe<Record<string, Static<typeof alarmSchema>>>({
        type: "object",
        propertyNames: name,
        additionalProperties: alarmSchema,
        maxProperties: 256,
        default: {},
        description:
          "Alarms by name. The node judges them itself, also while its link is down; they reach the hub as samples of the plugin `alarms` in the lane alarm.",
        examples: [
          { overvoltage: { point: "meter/line/voltage", above: 253, hysteresis: 2, holdMs: 10_000 } },
        ],
      }),
    ),
    users: Type.Optional(
      Type.Unsafe<Record<string, Static<typeof userSchema>>>({
        type: "object",
        propertyNames: name,
        additionalProperties: userSchema,
        maxProperties: mostUsers,
        default: {},
        description: "The people who may log in to the node, by name.",
        examples: [
          {
            anna: {
              level: "operator",
              ssh: [
                "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPsQT4SO+SfajT41TBMkGPFan+5dyMJ4gUBDAQ8arBq anna@desk",
              ],
            },
          },
        ],
      }),
    ),
    api: Type.Optional(apiSchema),
    apps: Type.Optional(appsSchema),
  },
  {
    ...closed,
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $id: schemaId,
    title: "Target state of a µMEC node",
    description: "What one node should be. The running node follows this file.",
  },
);

export type TargetFile = Static<typeof targetSchema>;
