/** Cameras of Linux: the files `/dev/video*` whose devices capture whole frames by streaming. */
import { constants, watch } from "node:fs";
import { access, type FileHandle, open } from "node:fs/promises";
import { isUmecError, messageOf, type UmecError } from "../../runtime/plugin/sdk.ts";
import { libc } from "../common/libc.ts";
import { loadWatchReadable } from "../common/readable.ts";
import { addonError, formatError, kernelError, noCameraError, sizeError } from "./errors.ts";
import type { Camera, CaptureSettings, FoundCamera, FrameFormat, FrameSource } from "./hardware.ts";
import { readControls, writeControl } from "./linux-controls.ts";
import { capabilitiesOf, formatsOf, sizesOf, videoFiles } from "./linux-device.ts";
import { startStream } from "./linux-stream.ts";
import { chooseCamera } from "./match.ts";
import { rawFrameBytes } from "./raw-frame.ts";
import { decodeParameters, decodePixelFormat, encodeParameters, encodePixelFormat, ioctls } from "./uapi.ts";

const deviceDir = "/dev";

export const linuxSource: FrameSource = {
  list,
  open: openCamera,
  watch(changed) {
    const watcher = watch(deviceDir, (_, name) => {
      if (name === null || /^(video\d+|v4l)$/.test(name)) changed();
    });
    // A node without inotify left finds the camera at its next look.
    watcher.on("error", () => watcher.close());
    return () => watcher.close();
  },
  present: (path) =>
    access(path).then(
      () => true,
      () => false,
    ),
};

async function list(refused: (error: UmecError) => void = () => {}): Promise<FoundCamera[]> {
  const found: FoundCamera[] = [];
  for (const path of await videoFiles(deviceDir)) {
    try {
      await using file = await openFile(path);
      const { card, bus, captures } = capabilitiesOf(libc(), file.fd);
      const formats = captures ? formatsOf(libc(), file.fd) : [];
      if (formats.length === 0) continue;
      const withSizes = formats.map(({ format, fourCc }) => ({
        format,
        sizes: sizesOf(libc(), file.fd, fourCc),
      }));
      found.push({ path, card, bus, formats: withSizes });
    } catch (error) {
      refused(isUmecError(error) ? error : kernelError(error, path, `${path} does not say what it is`));
    }
  }
  return found;
}

/** Without O_NONBLOCK a look for a frame would wait for one, and all with it. */
async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDWR | constants.O_NONBLOCK);
  } catch (cause) {
    throw kernelError(cause, path, `${path} can't be opened`);
  }
}

async function openCamera(settings: CaptureSettings): Promise<Camera> {
  const path = await pathOf(settings.device);
  const watchReadable = await loadWatchReadable().catch((cause: unknown) => {
    throw addonError("epoll", messageOf(cause));
  });
  const file = await openFile(path);
  try {
    const { card, captures, multiPlane } = capabilitiesOf(libc(), file.fd);
    if (!captures) throw formatError(path, settings.formats, multiPlane ? ["formats of several planes"] : []);
    const format = settle(file.fd, path, settings);
    const frameBytes = rawFrameBytes(format);
    const device = { libc: libc(), fd: file.fd, path };
    let stop: (() => void) | undefined;
    const stopStream = (): void => {
      stop?.();
      stop = undefined;
    };
    return {
      path,
      card,
      format,
      controls: () => readControls(device),
      setControl: (name, value) => writeControl(device, name, value),
      start(onFrame, onEnd) {
        stopStream();
        stop = startStream({ ...device, watchReadable, frameBytes, onFrame, onEnd });
      },
      stop: stopStream,
      close() {
        stopStream();
        // Behind the turn in which the watcher lets go of the descriptor.
        setImmediate(() => void file.close().catch(() => {}));
      },
    };
  } catch (error) {
    await file.close();
    throw isUmecError(error) && !isUmecError(error, "LIBC_FAILED")
      ? error
      : kernelError(error, path, `${path} does not take the settings`);
  }
}

async function pathOf(device: string): Promise<string> {
  if (device.startsWith("/")) return device;
  const refusals: UmecError[] = [];
  const cameras = await list((error) => refusals.push(error));
  const camera = chooseCamera(cameras, device);
  if (camera) return camera.path;
  const forbidden = refusals.find((error) => error.code === "V4L2_FORBIDDEN");
  throw (
    forbidden ??
    noCameraError(
      device,
      cameras.map(({ card, path }) => `${card} (${path})`),
    )
  );
}

/** Agrees with the camera on format, size and rate. */
function settle(fd: number, path: string, settings: CaptureSettings): FrameFormat {
  const { width = 640, height = 480, framesPerSecond } = settings;
  const has = formatsOf(libc(), fd);
  const [wanted] = settings.formats.flatMap((name) => has.filter(({ format }) => format === name));
  if (!wanted) {
    throw formatError(
      path,
      settings.formats,
      has.map(({ format }) => format),
    );
  }
  const bytes = encodePixelFormat(wanted.fourCc, width, height);
  libc().ioctl(fd, ioctls.setFormat, bytes);
  const got = decodePixelFormat(bytes);
  if (got.fourCc !== wanted.fourCc) throw formatError(path, [wanted.fourCc], [got.fourCc]);
  const wrong =
    (settings.width !== undefined && got.width !== width) ||
    (settings.height !== undefined && got.height !== height);
  if (wrong) {
    const asked = `${width}x${height}`;
    throw sizeError(path, asked, `${got.width}x${got.height}`, sizesOf(libc(), fd, wanted.fourCc));
  }
  const { bytesPerLine, fullRange, bt709 } = got;
  return {
    format: wanted.format,
    width: got.width,
    height: got.height,
    bytesPerLine: wanted.format === "MJPEG" ? 0 : bytesPerLine,
    fullRange,
    bt709,
    framesPerSecond: settleRate(fd, framesPerSecond),
  };
}

/** A driver without the call has one rate, and says so by an error. */
function settleRate(fd: number, framesPerSecond: number | undefined): number | undefined {
  const bytes = encodeParameters(framesPerSecond);
  try {
    libc().ioctl(fd, framesPerSecond === undefined ? ioctls.getParameters : ioctls.setParameters, bytes);
  } catch {
    return undefined;
  }
  return decodeParameters(bytes);
}
