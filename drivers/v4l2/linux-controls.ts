/** Brightness, exposure and the like through ioctl(2). */
import { isLibcError, type Libc } from "../common/libc.ts";
import { controlError, kernelError } from "./errors.ts";
import type { Control } from "./hardware.ts";
import { ioctls } from "./uapi.ts";
import {
  type ControlRange,
  decodeControl,
  decodeControlQuery,
  encodeControl,
  encodeControlQuery,
} from "./uapi-controls.ts";

export interface DeviceFile {
  libc: Libc;
  fd: number;
  path: string;
}

/** All that can be set by a number, with what they are now. */
export function readControls(device: DeviceFile): Control[] {
  return rangesOf(device).flatMap((range) => {
    const bytes = encodeControl(range.id);
    try {
      device.libc.ioctl(device.fd, ioctls.getControl, bytes);
    } catch (cause) {
      // Some are listed, and can be written only, or not now.
      if (isLibcError(cause, "EACCES") || isLibcError(cause, "EINVAL") || isLibcError(cause, "EIO"))
        return [];
      throw kernelError(cause, device.path, `control ${range.name} can't be read`);
    }
    const { id: _, step: __, ...shown } = range;
    return [{ ...shown, value: decodeControl(bytes) }];
  });
}

export function writeControl(device: DeviceFile, name: string, value: number): void {
  const ranges = rangesOf(device);
  const range = ranges.find((other) => other.name === name);
  if (!range) {
    const has = ranges.map((other) => other.name).join(", ");
    throw controlError(`${device.path} has no control ${name}`, `it has ${has || "none"}`);
  }
  const { minimum, maximum, step } = range;
  if (!Number.isInteger(value) || value < minimum || value > maximum) {
    throw controlError(`${name} takes whole numbers from ${minimum} to ${maximum}, not ${value}`);
  }
  try {
    device.libc.ioctl(device.fd, ioctls.setControl, encodeControl(range.id, value));
  } catch (cause) {
    if (isLibcError(cause, "EINVAL") || isLibcError(cause, "ERANGE")) {
      throw controlError(
        `${name} does not take ${value}`,
        step > 1 ? `it goes in steps of ${step}` : undefined,
      );
    }
    if (isLibcError(cause, "EACCES") || isLibcError(cause, "EBUSY")) {
      const hint = "an automatic one decides it: switch that off first";
      throw controlError(`${name} can't be set now`, hint);
    }
    throw kernelError(cause, device.path, `control ${name} can't be set`);
  }
}

function rangesOf({ libc, fd, path }: DeviceFile): ControlRange[] {
  const ranges: ControlRange[] = [];
  const most = 512;
  let last = 0;
  for (let count = 0; count < most; count++) {
    const bytes = encodeControlQuery(last);
    try {
      libc.ioctl(fd, ioctls.queryControl, bytes);
    } catch (cause) {
      // EINVAL is the end of the list, ENOTTY: there is none.
      if (isLibcError(cause, "EINVAL") || isLibcError(cause, "ENOTTY")) break;
      throw kernelError(cause, path, `the controls of ${path} can't be listed`);
    }
    const { id, range } = decodeControlQuery(bytes);
    if (range) ranges.push(range);
    last = id;
  }
  return ranges;
}
