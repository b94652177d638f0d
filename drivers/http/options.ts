/** The options of the HTTP driver, as the target state has them. */
import Type, { type Static } from "typebox";
import { authSchema } from "./auth.ts";
import { pagesSchema } from "./pages.ts";
import { webhookAuthSchema } from "./webhook-auth.ts";

const closed = { additionalProperties: false };

/** RFC 6901 section 3. */
const pointer = (description: string, more: object = {}) =>
  Type.String({ pattern: "^(/([^~/]|~[01])*)*$", description, ...more });

const url = (description: string) =>
  Type.String({
    pattern: "^https?://",
    maxLength: 2_048,
    description,
    examples: ["https://api.example.org/v1/observation"],
  });

const headers = Type.Record(
  Type.String({ pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$" }),
  Type.String({ description: "Value of the header; no secrets, those belong in `auth`." }),
  { ...closed, default: {}, description: "Headers to send, by name." },
);

export const timeSchema = Type.Object(
  {
    pointer: pointer("Where the observation time stands (RFC 6901).", { examples: ["/observedAt"] }),
    format: Type.Union([Type.Literal("rfc3339"), Type.Literal("unix-s"), Type.Literal("unix-ms")], {
      default: "rfc3339",
      description: "`rfc3339` text, or a number of seconds or milliseconds since 1970.",
    }),
  },
  { ...closed, description: "The observation time, which becomes the time of the samples." },
);

export const pointSchema = Type.Object(
  {
    pointer: pointer("Where the value stands (RFC 6901).", { examples: ["/temperature"] }),
    unit: Type.Optional(
      Type.String({ minLength: 1, description: "Unit of RFC 8428 section 12.1.", examples: ["Cel"] }),
    ),
    type: Type.Union([Type.Literal("number"), Type.Literal("string"), Type.Literal("boolean")], {
      default: "number",
      description: "Type of the samples; a value of another type is reported and left out.",
    }),
    coerce: Type.Boolean({
      default: false,
      description:
        "Takes what plainly says the same in another type, such as the string `21.5` for a number.",
    }),
    scale: Type.Number({ default: 1, description: "Numbers are multiplied by this first ..." }),
    offset: Type.Number({ default: 0, description: "... and this is added then." }),
    required: Type.Boolean({
      default: true,
      description: "Whether a value that is missing or null is reported.",
    }),
  },
  { ...closed, description: "One value of the response." },
);

const points = (description: string) =>
  Type.Record(Type.String({ pattern: "^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$" }), pointSchema, {
    ...closed,
    default: {},
    description,
  });

export const eachSchema = Type.Object(
  {
    pointer: pointer("Where the array stands (RFC 6901); empty for the whole response.", { default: "" }),
    name: pointer("Where an element's name stands, from the element on.", { default: "/name" }),
    points: points("Values of each element, from the element on; samples are `request/element/point`."),
    time: Type.Optional(timeSchema),
    limit: Type.Integer({
      minimum: 1,
      maximum: 10_000,
      default: 1_000,
      description: "Most elements that are read; what comes behind is left out and reported.",
    }),
  },
  { ...closed, description: "A list of things of one kind, such as stations." },
);

export const commandSchema = Type.Object(
  {
    url: url("Where the command goes; the origin of the request, unless `auth` is `none`."),
    method: Type.Union(
      [
        Type.Literal("POST"),
        Type.Literal("PUT"),
        Type.Literal("PATCH"),
        Type.Literal("DELETE"),
        Type.Literal("GET"),
      ],
      { default: "POST", description: "Method (RFC 9110 section 9)." },
    ),
    headers,
    body: Type.Optional(
      Type.Unknown({
        description: 'JSON to send; each `"$value"` in it is replaced by the value of the command.',
        examples: [{ on: "$value" }],
      }),
    ),
  },
  { ...closed, description: "A command of the API, sent with the `auth` of its request." },
);

export const requestSchema = Type.Object(
  {
    url: url("What is asked for; without user and password, which belong in `auth`."),
    method: Type.Union([Type.Literal("GET"), Type.Literal("POST")], {
      default: "GET",
      description: "Method; conditional requests need GET.",
    }),
    headers,
    body: Type.Optional(Type.Unknown({ description: "JSON to send with POST." })),
    auth: authSchema,
    intervalMs: Type.Integer({
      minimum: 10,
      maximum: 86_400_000,
      default: 10_000,
      description: "Milliseconds from one poll to the next.",
    }),
    timeoutMs: Type.Integer({
      minimum: 10,
      maximum: 120_000,
      default: 5_000,
      description: "Longest time for a whole answer, redirects and body included, in milliseconds.",
    }),
    maxBytes: Type.Integer({
      minimum: 1,
      maximum: 67_108_864,
      default: 1_048_576,
      description: "Most bytes of an answer, decompressed; a longer one is cut off and not used.",
    }),
    maxBackoffMs: Type.Integer({
      minimum: 10,
      maximum: 86_400_000,
      default: 300_000,
      description: "Longest time between polls while they fail, in milliseconds.",
    }),
    anyContentType: Type.Boolean({
      default: false,
      description: "Whether JSON is also taken when the answer calls itself something else.",
    }),
    points: points("Values of the response; samples are `request/point`."),
    each: Type.Optional(eachSchema),
    time: Type.Optional(timeSchema),
    pages: Type.Optional(pagesSchema),
    skipUnchanged: Type.Boolean({
      default: true,
      description:
        "Whether nothing is emitted on a 304 or when the observation time is that of the last poll.",
    }),
    commands: Type.Record(Type.String({ pattern: "^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$" }), commandSchema, {
      ...closed,
      default: {},
      description: "Commands of the API; the point is `request/command`.",
    }),
  },
  { ...closed, description: "One resource that is polled." },
);

export const webhookSchema = Type.Object(
  {
    path: Type.Optional(
      Type.String({
        pattern: "^/[A-Za-z0-9._~/-]*$",
        maxLength: 200,
        description: "Where it is posted to; `/` and the webhook's name when left out.",
      }),
    ),
    auth: webhookAuthSchema,
    maxBytes: Type.Integer({
      minimum: 1,
      maximum: 16_777_216,
      default: 262_144,
      description: "Most bytes of a body; a longer one is refused.",
    }),
    anyContentType: Type.Boolean({
      default: false,
      description: "Whether JSON is also taken when the body calls itself something else.",
    }),
    points: points("Values of the body; samples are `webhook/point`."),
    each: Type.Optional(eachSchema),
    time: Type.Optional(timeSchema),
    lane: Type.Union([Type.Literal("alarm"), Type.Literal("telemetry"), Type.Literal("bulk")], {
      default: "telemetry",
      description: "Importance of the samples: what is dropped last when space runs out is `alarm`.",
    }),
  },
  { ...closed, description: "Something that others post to this node." },
);

export const listenSchema = Type.Object(
  {
    address: Type.String({
      minLength: 1,
      default: "127.0.0.1",
      description: "Address of this machine that webhooks are taken at; `0.0.0.0` or `::` for all.",
    }),
    port: Type.Integer({
      minimum: 0,
      maximum: 65_535,
      default: 8098,
      description: "TCP port; 0 takes any that is free, and the log says which.",
    }),
  },
  {
    ...closed,
    default: { address: "127.0.0.1", port: 8098 },
    description: "Where webhooks are taken.",
  },
);

export const optionsSchema = Type.Object(
  {
    requests: Type.Record(Type.String({ pattern: "^[A-Za-z0-9_-]+$" }), requestSchema, {
      ...closed,
      maxProperties: 100,
      default: {},
      description: "What is polled, by name; the name is the first part of the samples' names.",
    }),
    webhooks: Type.Record(Type.String({ pattern: "^[A-Za-z0-9_-]+$" }), webhookSchema, {
      ...closed,
      maxProperties: 100,
      default: {},
      description: "What is posted to us, by name; the name is the first part of the samples' names.",
    }),
    listen: listenSchema,
  },
  closed,
);

export type HttpOptions = Static<typeof optionsSchema>;
export type RequestOptions = Static<typeof requestSchema>;
export type WebhookOptions = Static<typeof webhookSchema>;
export type ListenOptions = Static<typeof listenSchema>;
export type CommandOptions = Static<typeof commandSchema>;
export type PointOptions = Static<typeof pointSchema>;
export type EachOptions = Static<typeof eachSchema>;
export type TimeOptions = Static<typeof timeSchema>;
