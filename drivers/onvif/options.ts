import { type Static, Type } from "typebox";

const closed = { additionalProperties: false };
const name = "^[A-Za-z0-9][A-Za-z0-9_-]*(?:/[A-Za-z0-9][A-Za-z0-9_-]*)*$";
const dayMs = 86_400_000;
const oneOf = <T extends string>(values: readonly T[], options: object) =>
  Type.Unsafe<T>({ type: "string", enum: [...values], ...options });
const integer = (description: string, minimum: number, maximum: number, more: object = {}) =>
  Type.Integer({ description, minimum, maximum, ...more });
const section = <T extends Parameters<typeof Type.Object>[0]>(properties: T, description: string) =>
  Type.Object(properties, { ...closed, default: {}, description });
const range = (description: string, minimum: number) =>
  Type.Optional(Type.Array(Type.Number({ minimum, maximum: 1 }), { minItems: 2, maxItems: 2, description }));

const eventPoint = Type.Object(
  {
    topics: Type.Array(Type.String({ minLength: 1 }), {
      minItems: 1,
      maxItems: 16,
      description: "Topics of the event, with or without prefixes: tns1:VideoSource/MotionAlarm.",
    }),
    item: Type.Optional(
      Type.String({ description: "Data item that is the value. Left out: the first one." }),
    ),
    by: Type.Optional(
      Type.String({
        description: "Source item, such as InputToken, whose value becomes the name's last segment.",
      }),
    ),
    source: Type.Optional(
      Type.Record(Type.String(), Type.String(), { description: "Source items that the event must have." }),
    ),
    type: Type.Optional(
      oneOf(["auto", "boolean", "number", "text"], { default: "auto", description: "What the value is." }),
    ),
    lane: Type.Optional(
      oneOf(["alarm", "telemetry", "bulk"], { default: "telemetry", description: "Lane of the samples." }),
    ),
  },
  { ...closed, description: "An event that becomes samples." },
);

export const optionsSchema = Type.Object(
  {
    host: Type.String({
      minLength: 1,
      maxLength: 253,
      default: "192.168.0.90",
      pattern: "^(?:[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+(?:%[A-Za-z0-9._-]+)?)$",
      description: "Name or address of the camera; IPv6 without brackets, with a zone if it is link-local.",
      examples: ["192.168.1.20", "fe80::1%eth0"],
    }),
    port: Type.Optional(integer("TCP port. Left out: 80, with tls 443.", 1, 65_535)),
    path: Type.String({
      pattern: "^/[!-~]*$",
      default: "/onvif/device_service",
      description: "Path of the device service.",
    }),
    tls: Type.Optional(
      Type.Object(
        {
          ca: Type.Optional(
            Type.String({ minLength: 1, description: "File with the authority's certificates, PEM." }),
          ),
          fingerprint: Type.Optional(
            Type.String({
              pattern: "^[0-9A-Fa-f]{2}(?::?[0-9A-Fa-f]{2}){31}$",
              description: "SHA-256 of the camera's certificate: it is pinned, and nothing else counts.",
            }),
          ),
        },
        { ...closed, description: "HTTPS. Empty: the system's authorities count." },
      ),
    ),
    user: Type.Optional(Type.String({ minLength: 1, maxLength: 128, description: "User of the camera." })),
    password: Type.Optional(
      Type.Object(
        { secret: Type.String({ minLength: 1, description: "Name of the secret." }) },
        { ...closed, description: "The user's password." },
      ),
    ),
    login: oneOf(["auto", "digest", "token"], {
      default: "auto",
      description: "How to log in: HTTP Digest, UsernameToken, or what the camera takes.",
    }),
    profile: Type.Optional(
      Type.String({
        minLength: 1,
        description: "Media profile, by token or name. Left out: the first with video.",
      }),
    ),
    timeoutMs: integer("For an answer.", 50, 60_000, { default: 5000 }),
    retryMs: integer(
      "While the camera is away, first time between two tries; it doubles up to 60 s.",
      10,
      dayMs,
      { default: 5000 },
    ),
    checkMs: integer(
      "Time without an answer after which the camera is asked whether it is there.",
      10,
      dayMs,
      { default: 30_000 },
    ),
    events: section(
      {
        enabled: Type.Boolean({ default: true, description: "Whether events are asked for." }),
        points: Type.Optional(
          Type.Record(Type.String({ pattern: name }), eventPoint, {
            ...closed,
            description:
              "Events by the name of their point. Left out: motion, tamper, signal-loss, storage-failure, input, relay.",
          }),
        ),
        others: Type.Boolean({
          default: false,
          description: "Whether all other topics become samples below event/.",
        }),
        waitMs: integer("How long the camera may hold an answer back while nothing happens.", 100, 60_000, {
          default: 20_000,
        }),
        lifeMs: integer("How long a subscription lives without a renewal.", 1000, 3_600_000, {
          default: 120_000,
        }),
      },
      "Events by pull point.",
    ),
    snapshot: section(
      {
        intervalMs: integer("Time between two stills; 0: on command only.", 0, dayMs, { default: 0 }),
        maxBytes: integer("Most bytes of a still.", 1024, 16_777_216, { default: 4_194_304 }),
      },
      "Stills.",
    ),
    stream: section(
      {
        intervalMs: integer("Time between two looks at the RTSP stream; 0: never.", 0, dayMs, {
          default: 300_000,
        }),
        watchMs: integer("How long packets are counted at each look.", 50, 30_000, { default: 1000 }),
        port: Type.Optional(integer("RTSP port. Left out: the one that the camera names.", 1, 65_535)),
      },
      "Health of the RTSP stream.",
    ),
    ptz: section(
      {
        enabled: Type.Boolean({ default: false, description: "Whether commands may move the camera." }),
        pan: range("Least and greatest pan.", -1),
        tilt: range("Least and greatest tilt.", -1),
        zoom: range("Least and greatest zoom.", 0),
        maxSpeed: Type.Number({ minimum: 0.01, maximum: 1, default: 1, description: "Greatest speed." }),
        maxContinuousMs: integer("Longest continuous move without another command.", 50, 60_000, {
          default: 5000,
        }),
        settleMs: integer("How long a move is watched until the camera stands.", 100, 25_000, {
          default: 10_000,
        }),
      },
      "Pan, tilt and zoom.",
    ),
  },
  closed,
);

export type OnvifOptions = Static<typeof optionsSchema>;
export type EventPoint = Static<typeof eventPoint>;
