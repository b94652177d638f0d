/**
 * Live frames for applications, which ask for each: `{ "after": <number of the last one>, "waitMs": … }`.
 *
 * The answer is the newest frame as soon as there is one that is newer. So a slow application misses frames and
 * is never late, and one that does not ask costs no copy.
 */
import { type Static, Type } from "typebox";
import type { Host } from "../../runtime/plugin/sdk.ts";
import { noFrameError, tooLargeError } from "./errors.ts";
import type { Feed } from "./feed.ts";
import { packFrame, trailerBytes } from "./frame-trailer.ts";
import { rawFrameBytes } from "./raw-frame.ts";

/** Most bytes of a reply: the bus takes messages of 1 MiB, headers included. */
export const maxReplyBytes = 2 ** 20 - 1024;

const waitMs = { default: 5000, most: 25_000 } as const;

const wish = Type.Object(
  {
    after: Type.Optional(
      Type.Integer({ minimum: 0, description: "The number of the last frame that you have.", default: 0 }),
    ),
    waitMs: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: waitMs.most,
        description: "Longest time to wait for a newer one, in milliseconds.",
        default: waitMs.default,
      }),
    ),
  },
  { additionalProperties: false },
);

type Wish = Static<typeof wish>;

/** What the command takes: nothing, or a wish. */
export const frameCommandSchema = Type.Union([Type.Null(), wish]);

/** Answers `camera/frame`. */
export function answerFrames(host: Pick<Host, "onCommand">, feed: Feed): void {
  host.onCommand("camera/frame", async ({ value }, signal) => {
    const { after = 0, waitMs: longestMs = waitMs.default } = (value ?? {}) as Wish;
    refuseLarge(feed.format && rawFrameBytes(feed.format));
    // A number that was not reached yet is of another start of the plugin.
    const seen = after > feed.lastNumber ? 0 : after;
    const late = AbortSignal.timeout(longestMs);
    try {
      return await feed.take(
        ({ number }) => number > seen,
        (frame) => {
          refuseLarge(frame.bytes.length);
          return packFrame(frame, frame.bytes);
        },
        AbortSignal.any([signal, late]),
      );
    } catch (error) {
      if (error === late.reason) throw noFrameError(longestMs);
      throw error;
    }
  });
}

function refuseLarge(bytes: number | undefined): void {
  const limit = maxReplyBytes - trailerBytes;
  if (bytes !== undefined && bytes > limit) throw tooLargeError(bytes, limit);
}
