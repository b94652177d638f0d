import { type Static, Type } from "typebox";
import { type FormatName, formatNames } from "./hardware.ts";

/** What an option is when it is left out. */
export const defaults = {
  lingerMs: 10_000,
  warmUpMs: 500,
  reportEveryMs: 10_000,
  quality: 85,
  motion: { everyMs: 200, cellDelta: 12, thresholdPercent: 2, holdMs: 5000 },
} as const;

/** MJPEG is decoded to look for motion, which keeps a small board's core busy for a good part of this time. */
export const leastMjpegMotionMs = 500;

const closed = { additionalProperties: false };
const dayMs = 86_400_000;
const integer = (description: string, minimum: number, maximum: number, more: object = {}) =>
  Type.Integer({ description, minimum, maximum, ...more });

const still = Type.Object(
  {
    everyMs: Type.Optional(
      integer("Time between two stills, in milliseconds; left out: on command only.", 1000, dayMs),
    ),
    quality: Type.Optional(
      integer("Quality of a still that is made of YUYV or NV12; MJPEG is kept as it is.", 1, 100, {
        default: defaults.quality,
      }),
    ),
  },
  { ...closed, description: "Pictures that are kept and sent to the hub.", default: {} },
);

const motion = Type.Object(
  {
    everyMs: Type.Optional(
      integer(
        "Time between two pictures that are compared, in milliseconds; with MJPEG at least 500.",
        50,
        60_000,
        { default: defaults.motion.everyMs },
      ),
    ),
    cellDelta: Type.Optional(
      integer("How much a cell's brightness must change to count, of 255.", 1, 255, {
        default: defaults.motion.cellDelta,
      }),
    ),
    thresholdPercent: Type.Optional(
      Type.Number({
        description: "Share of the cells that must have changed.",
        exclusiveMinimum: 0,
        maximum: 100,
        default: defaults.motion.thresholdPercent,
      }),
    ),
    holdMs: Type.Optional(
      integer("How long it must be quiet before motion is over, in milliseconds.", 0, dayMs, {
        default: defaults.motion.holdMs,
      }),
    ),
  },
  { ...closed, description: "Tells motion. Left out: not, and the camera rests while nobody wants frames." },
);

export const optionsSchema = Type.Object(
  {
    device: Type.String({
      minLength: 1,
      description:
        "The camera: a path to its device file, or its name or place (card, bus), or the beginning of one.",
    }),
    format: Type.Optional(
      Type.Unsafe<FormatName>({
        enum: [...formatNames],
        description: "Left out: MJPEG first, but with motion YUYV or NV12 first, which need no decoding.",
      }),
    ),
    width: Type.Optional(integer("In pixels; left out: the nearest to 640 that it has.", 16, 8192)),
    height: Type.Optional(integer("In pixels; left out: the nearest to 480 that it has.", 16, 8192)),
    framesPerSecond: Type.Optional(
      Type.Number({
        description: "The camera takes the nearest that it has; left out: its own.",
        minimum: 0.1,
        maximum: 1000,
      }),
    ),
    controls: Type.Optional(
      Type.Record(Type.String({ pattern: "^[a-z0-9][a-z0-9-]*$" }), Type.Integer(), {
        ...closed,
        description: "What its controls are set to, by their names: brightness, exposure-time-absolute.",
        default: {},
      }),
    ),
    still: Type.Optional(still),
    motion: Type.Optional(motion),
    lingerMs: Type.Optional(
      integer("How long the stream goes on when nobody wants frames, in milliseconds.", 0, dayMs, {
        default: defaults.lingerMs,
      }),
    ),
    warmUpMs: Type.Optional(
      integer(
        "Frames of a stream's first milliseconds that are not used: cameras find their exposure then.",
        0,
        10_000,
        { default: defaults.warmUpMs },
      ),
    ),
    reportEveryMs: Type.Optional(
      integer("Time between two samples of rate and losses, in milliseconds.", 1000, dayMs, {
        default: defaults.reportEveryMs,
      }),
    ),
  },
  closed,
);
export type V4l2Options = Static<typeof optionsSchema>;
export type MotionOptions = Required<Static<typeof motion>>;
