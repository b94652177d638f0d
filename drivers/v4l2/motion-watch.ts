/**
 * Looks for motion in the feed's frames, at a limited rate, and emits what it finds.
 *
 * Raw frames are looked at where the camera has put them. MJPEG must be decoded: a frame at most every 500 ms is copied
 * and goes to the thread of pictures, and none while it is at one.
 */
import { type Host, messageOf, type Sample, type UmecError } from "../../runtime/plugin/sdk.ts";
import type { Feed, NumberedFrame } from "./feed.ts";
import type { FrameFormat } from "./hardware.ts";
import type { Jpeg } from "./jpeg.ts";
import { createSampler, type Sampler } from "./luma-grid.ts";
import { createMotionDetector } from "./motion.ts";
import { leastMjpegMotionMs, type MotionOptions } from "./options.ts";

export interface MotionParts {
  host: Pick<Host, "emit" | "log" | "clock">;
  jpeg: Jpeg;
  options: MotionOptions;
}

export interface MotionWatch {
  frame(frame: NumberedFrame): void;
  /** A new stream: what was seen before is not compared. */
  restart(): void;
  /** Nothing is known from now on. */
  blind(error: UmecError): void;
  /** The greatest change since the last call, in percent of the cells; `undefined` when none was looked at. */
  takeChange(): number | undefined;
}

export function createMotionWatch({ host, jpeg, options }: MotionParts): MotionWatch {
  const detector = createMotionDetector(options);
  let told: boolean | undefined;
  let nextMs = 0;
  let decoding = false;
  let stream = 0;
  let sampler: { format: FrameFormat; sample: Sampler } | undefined;
  let change: number | undefined;

  function tell(sample: Omit<Sample, "name">): void {
    host
      .emit([{ name: "camera/motion", ...sample }], { lane: "alarm" })
      .catch((error: unknown) => host.log.warn(`camera/motion could not be stored: ${messageOf(error)}`));
  }

  function look(grid: Uint8Array, timeMs: number): void {
    const { motion, changePercent } = detector.take(grid, host.clock.monotonicMs());
    change = Math.max(change ?? 0, changePercent);
    if (motion === told) return;
    told = motion;
    tell({ value: motion, ...(host.clock.known() && { timeMs }) });
  }

  function decode({ bytes, timeMs }: NumberedFrame): void {
    const of = stream;
    decoding = true;
    jpeg
      .grid(bytes.slice())
      .then(
        (grid) => {
          if (of === stream) look(grid, timeMs);
        },
        (error: unknown) => host.log.warn(`no look for motion: ${messageOf(error)}`),
      )
      .finally(() => {
        decoding = false;
      });
  }

  return {
    frame(frame) {
      const { format, bytes, timeMs } = frame;
      const nowMs = host.clock.monotonicMs();
      if (nowMs < nextMs || decoding) return;
      const compressed = format.format === "MJPEG";
      const everyMs = compressed ? Math.max(options.everyMs, leastMjpegMotionMs) : options.everyMs;
      // On a grid, so that frames that come a little late do not make the rate lower.
      nextMs = nowMs - nextMs < everyMs ? nextMs + everyMs : nowMs + everyMs;
      if (compressed) {
        decode(frame);
        return;
      }
      if (sampler?.format !== format) {
        const bytesPerPixel = format.format === "YUYV" ? 2 : 1;
        sampler = { format, sample: createSampler({ ...format, bytesPerPixel }) };
      }
      look(sampler.sample(bytes), timeMs);
    },
    restart() {
      stream++;
      nextMs = 0;
      detector.restart();
    },
    blind({ message }) {
      stream++;
      detector.restart();
      if (told === undefined) return;
      told = undefined;
      tell({ value: null, quality: "bad", reason: message });
    },
    takeChange() {
      const greatest = change;
      change = undefined;
      return greatest;
    },
  };
}

/** Keeps the stream running and looks at its frames; returns what ends it. */
export function watchFeed(feed: Feed, watch: MotionWatch): () => void {
  const release = feed.hold();
  const end = feed.listen((frame) => watch.frame(frame));
  return () => {
    end();
    release();
  };
}
