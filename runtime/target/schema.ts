/**
 * The schema of `node.yaml`, JSON Schema 2020-12: the one source of its keys, ranges, defaults and their
 * descriptions. Where a value has two notations (a size, one URL or several) both stand in one schema with two
 * types instead of a union, since then an error is about the notation that was used.
 * `patternErrorMessage` is what editors, and our own findings, say instead of a regular expression.
 */
import Type, { type Static } from "typebox";
import { nameSyntax } from "../subjects.ts";
import { sizePattern } from "./size.ts";

export const schemaId = "urn:umec:schema:node";

const name = {
  pattern: nameSyntax.source,
  patternErrorMessage: "must be 1 to 63 characters of a-z, 0-9 and -, and neither start nor end with -",
};

function size(options: {
  minimum: number;
  maximum: number;
  default: number;
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
        "Where the hub accepts leaf nodes: one URL, or a list of the URLs of one cluster. tls:// always encrypts, nats-leaf:// only when the hub asks for it. The port is 7422 unless given.",
      examples: [
        "nats-leaf://127.0.0.1:7422",
        ["tls://hub-1.example.org:7422", "tls://hub-2.example.org:7422"],
      ],
    }),
    credentials: Type.String({
      minLength: 1,
      description: "File with this node's NATS credentials for the hub, relative to this file.",
      examples: ["./lamp-0042.creds"],
    }),
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

export const limitsSchema = Type.Object(
  {
    samplesPerS: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1_000_000,
        default: 20_000,
        title: "samples a second",
        description: "Most samples a second; a plugin that sends more for long is stopped and reported.",
      }),
    ),
    bytesPerS: size({
      minimum: 1024,
      maximum: 1024 ** 3,
      default: 1_048_576,
      description: "Most bytes a second; a plugin that sends more for long is stopped and reported.",
      examples: ["1MiB"],
    }),
  },
  { ...closed, default: {}, description: "What the plugin may send, so that a fault in it harms no other." },
);

export const pluginSchema = Type.Object(
  {
    driver: Type.String({
      minLength: 1,
      description: "The driver that this plugin runs.",
      examples: ["modbus"],
    }),
    required: Type.Optional(
      Type.Boolean({
        default: false,
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
  },
  { ...closed, description: "One running instance of a driver." },
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
