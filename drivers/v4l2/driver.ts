/**
 * The camera driver: stills, live frames and motion of a camera of Video4Linux.
 *
 * The parts: `linux-source` has the cameras of the kernel (`memory-source` its twin), `keep-open` sees to it that ours
 * is at hand, `feed` streams while somebody wants frames and hands them round; `still`, `frame-command` and
 * `motion-watch` are those who want them, and `jpeg` has the thread for what takes long.
 */
import { type Driver, defineDriver, type Host, UmecError } from "../../runtime/plugin/sdk.ts";
import { checkOptions } from "./check.ts";
import { answerControls, controlsCommandSchema } from "./controls-command.ts";
import { discoverCameras } from "./discover.ts";
import { goneError } from "./errors.ts";
import { Feed } from "./feed.ts";
import { answerFrames, frameCommandSchema } from "./frame-command.ts";
import type { Camera, CaptureSettings, FormatName, FrameSource } from "./hardware.ts";
import { createJpeg } from "./jpeg.ts";
import { keepOpen } from "./keep-open.ts";
import { linuxSource } from "./linux-source.ts";
import { createMotionWatch, watchFeed } from "./motion-watch.ts";
import { defaults, optionsSchema, type V4l2Options } from "./options.ts";
import { createReport } from "./report.ts";
import { createStills } from "./still.ts";

/** The driver with other cameras than the kernel's: for tests. */
export function createDriver(source: FrameSource): Driver<typeof optionsSchema> {
  return defineDriver({
    manifest: {
      name: "v4l2",
      version: "0.1.0",
      kind: "low",
      summary: "Stills, live frames and motion of a camera.",
      options: optionsSchema,
      points: ({ motion }) => [
        { name: "camera/online", summary: "Whether the camera is there" },
        { name: "camera/frame-rate", unit: "1/s", summary: "Frames a second, while a stream runs" },
        { name: "camera/dropped", unit: "count", summary: "Frames that were lost since the plugin started" },
        { name: "camera/still", access: "read-write", summary: "Makes a still; the last one's object" },
        { name: "camera/still-bytes", unit: "B", summary: "The last still's size" },
        {
          name: "camera/frame",
          access: "write",
          summary: "The newest frame's bytes",
          schema: frameCommandSchema,
        },
        {
          name: "camera/controls",
          access: "write",
          summary: "Sets controls by name, and tells all",
          schema: controlsCommandSchema,
        },
        ...(motion
          ? [
              { name: "camera/motion", summary: "Whether something moves" },
              { name: "camera/change", unit: "%", summary: "Greatest change of the last time" },
            ]
          : []),
      ],
      check: checkOptions,
      needs: ({ device }) => (device.startsWith("/") ? { devices: [device] } : {}),
      deadlineMs: ({ reportEveryMs = defaults.reportEveryMs }) => Math.max(60_000, 3 * reportEveryMs),
    },
    run: (options, host, signal) => run(options, host, signal, source),
    discover: (options) => discoverCameras(source, options),
  });
}

export const driver = createDriver(linuxSource);
export default driver;

async function run(
  options: V4l2Options,
  host: Host,
  signal: AbortSignal,
  source: FrameSource,
): Promise<void> {
  const { lingerMs = defaults.lingerMs, warmUpMs = defaults.warmUpMs, still = {} } = options;
  await using jpeg = createJpeg();
  const motion =
    options.motion && createMotionWatch({ host, jpeg, options: { ...defaults.motion, ...options.motion } });
  const feed = new Feed({ clock: host.clock, lingerMs, warmUpMs, onStart: () => motion?.restart() });
  let camera: Camera | UmecError = goneError(options.device);
  let scheduled = false;

  const quality = still.quality ?? defaults.quality;
  const makeStill = createStills({ host, feed, jpeg, quality, signal });
  host.onCommand("camera/still", makeStill);
  answerFrames(host, feed);
  answerControls(host, () => camera);
  if (motion) watchFeed(feed, motion);
  const report = createReport(feed.totals);
  host.scheduler.every(options.reportEveryMs ?? defaults.reportEveryMs, async () => {
    const samples = report(motion?.takeChange());
    if (samples.length > 0) await host.emit(samples);
  });

  try {
    await keepOpen(
      {
        source,
        settings: settingsOf(options),
        controls: options.controls ?? {},
        feed,
        host,
        onChange(now) {
          camera = now;
          if (now instanceof UmecError) motion?.blind(now);
          else if (!scheduled && still.everyMs !== undefined) {
            scheduled = true;
            host.scheduler.every(still.everyMs, makeStill);
          }
        },
      },
      signal,
    );
  } finally {
    feed.close(new UmecError("V4L2_STOPPED", "the plugin is stopped"));
  }
}

function settingsOf({
  device,
  format,
  width,
  height,
  framesPerSecond,
  motion,
}: V4l2Options): CaptureSettings {
  const preferred: FormatName[] = motion ? ["YUYV", "NV12", "MJPEG"] : ["MJPEG", "YUYV", "NV12"];
  return {
    device,
    formats: format === undefined ? preferred : [format],
    ...(width !== undefined && { width }),
    ...(height !== undefined && { height }),
    ...(framesPerSecond !== undefined && { framesPerSecond }),
  };
}
