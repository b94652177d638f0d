import { UmecError } from "../../runtime/plugin/sdk.ts";

/** The kernel's name of what failed: `EBUSY`, or empty. */
export function errnoOf(cause: unknown): string {
  const { errno, code } = cause as { errno?: unknown; code?: unknown };
  if (typeof errno === "string") return errno;
  return typeof code === "string" ? code : "";
}

/** What the kernel's answer to a call means; `doing` is what was tried: `the format of /dev/video0 can't be set`. */
export function kernelError(cause: unknown, path: string, doing: string): UmecError {
  const errno = errnoOf(cause);
  const said = errno || String(cause);
  if (errno === "ENODEV" || errno === "ENXIO" || errno === "ENOENT") return goneError(path, cause);
  if (errno === "EACCES" || errno === "EPERM") {
    const hint = "put the user that runs the node into the group that owns it, as a rule video";
    return new UmecError("V4L2_FORBIDDEN", `${path} may not be opened (${said})`, { cause, hint });
  }
  if (errno === "EBUSY") {
    const hint = "another program has the camera: end it. fuser -v shows which";
    return new UmecError("V4L2_BUSY", `${path} is in use`, { cause, hint });
  }
  if (errno === "ENOSPC") {
    const hint = "the USB bus has no room for this stream: a smaller size, MJPEG, or another USB controller";
    return new UmecError("V4L2_FAULT", `${doing} (${said})`, { cause, hint });
  }
  return new UmecError("V4L2_FAULT", `${doing} (${said})`, { cause });
}

export function goneError(path: string, cause?: unknown): UmecError {
  return new UmecError("V4L2_GONE", `${path} is gone`, { cause });
}

export function noCameraError(device: string, there: readonly string[]): UmecError {
  const list = there.length === 0 ? "there is none at all" : `there are ${there.join(", ")}`;
  return new UmecError("V4L2_NO_CAMERA", `no camera ${JSON.stringify(device)}: ${list}`, {
    hint: "is it plugged in, and its driver (uvcvideo for USB) in the kernel?",
  });
}

export function formatError(path: string, wanted: readonly string[], has: readonly string[]): UmecError {
  const list = has.length === 0 ? "none of those that are taken" : has.join(", ");
  return new UmecError("V4L2_FORMAT", `${path} has no ${wanted.join(", ")}, but ${list}`);
}

export function sizeError(path: string, asked: string, got: string, has: readonly string[]): UmecError {
  const hint = has.length > 0 ? `it has ${has.join(", ")}` : `nearest is ${got}`;
  return new UmecError("V4L2_SIZE", `${path} has no size ${asked}, the nearest is ${got}`, { hint });
}

export function controlError(reason: string, hint?: string): UmecError {
  return new UmecError("V4L2_CONTROL", reason, hint === undefined ? {} : { hint });
}

export function silentError(path: string, silenceMs: number): UmecError {
  return new UmecError("V4L2_SILENT", `${path} has given no frame for ${silenceMs} ms`, {
    hint: "it is opened anew; a camera that stays silent needs its plug pulled",
  });
}

export function noFrameError(waitMs: number): UmecError {
  return new UmecError("V4L2_NO_FRAME", `there was no newer frame within ${waitMs} ms`);
}

export function offlineError(cause: UmecError): UmecError {
  return new UmecError("V4L2_OFFLINE", `there is no camera now: ${cause.message}`, { cause });
}

export function tooLargeError(bytes: number, limit: number): UmecError {
  const hint = "take format: MJPEG, or a smaller width and height";
  return new UmecError(
    "V4L2_TOO_LARGE",
    `a frame of ${bytes} bytes is more than a reply may have (${limit})`,
    {
      hint,
    },
  );
}

/** A frame that can't be read as a picture. */
export function pictureError(reason: string): UmecError {
  return new UmecError("V4L2_PICTURE", `the frame is no picture: ${reason}`);
}

/** The package that waits for frames has no machine code. */
export function addonError(name: string, reason: string): UmecError {
  const hint = "in a clone, build it with: make addons";
  // Behind the first line stand all the places that were searched.
  const [first] = reason.split(/[.:]?(?: Tried:)?\n/);
  return new UmecError("V4L2_ADDON_MISSING", `${name} can't be loaded: ${first}`, { hint });
}
