/** What a video device file says of itself: struct by struct through ioctl(2). */
import { readdir } from "node:fs/promises";
import type { Libc } from "../common/libc.ts";
import { isLibcError } from "../common/libc.ts";
import type { FormatName } from "./hardware.ts";
import {
  type Capabilities,
  capabilitiesBytes,
  decodeCapabilities,
  decodeFormatQuery,
  decodeFrameSize,
  encodeFormatQuery,
  encodeFrameSizeQuery,
  formatName,
  ioctls,
} from "./uapi.ts";

/** `/dev/video0`, `/dev/video1` …, in order of numbers. */
export async function videoFiles(dir: string): Promise<string[]> {
  const numbers = (await readdir(dir)).flatMap((name) => {
    const number = /^video(\d+)$/.exec(name)?.[1];
    return number === undefined ? [] : [Number(number)];
  });
  return numbers.toSorted((a, b) => a - b).map((number) => `${dir}/video${number}`);
}

/** @throws LibcError `ENOTTY` when it is no video device */
export function capabilitiesOf(libc: Libc, fd: number): Capabilities {
  const bytes = new Uint8Array(capabilitiesBytes);
  libc.ioctl(fd, ioctls.queryCapabilities, bytes);
  return decodeCapabilities(bytes);
}

export interface DeviceFormat {
  format: FormatName;
  fourCc: string;
}

/** Its formats, of those that are taken. */
export function formatsOf(libc: Libc, fd: number): DeviceFormat[] {
  const formats: DeviceFormat[] = [];
  for (const bytes of enumerate(libc, fd, ioctls.enumFormat, encodeFormatQuery)) {
    const fourCc = decodeFormatQuery(bytes);
    const format = formatName(fourCc);
    if (format && !formats.some((other) => other.format === format)) formats.push({ format, fourCc });
  }
  return formats;
}

/** `1280x720` and so on; none when the driver does not say. */
export function sizesOf(libc: Libc, fd: number, fourCc: string): string[] {
  const sizes: string[] = [];
  const query = (index: number): Uint8Array => encodeFrameSizeQuery(index, fourCc);
  for (const bytes of enumerate(libc, fd, ioctls.enumFrameSizes, query)) {
    const { text, last } = decodeFrameSize(bytes);
    sizes.push(text);
    if (last) break;
  }
  return sizes;
}

/** The kernel's lists have no length: EINVAL is their end, ENOTTY that there is none. */
function* enumerate(
  libc: Libc,
  fd: number,
  request: number,
  query: (index: number) => Uint8Array,
): Generator<Uint8Array> {
  const most = 256;
  for (let index = 0; index < most; index++) {
    const bytes = query(index);
    try {
      libc.ioctl(fd, request, bytes);
    } catch (error) {
      if (isLibcError(error, "EINVAL") || isLibcError(error, "ENOTTY")) return;
      throw error;
    }
    yield bytes;
  }
}
