/**
 * What stands behind a frame's bytes in the reply to `camera/frame`: its last 40 bytes. A viewer of pictures reads
 * to the picture's end and leaves them alone, so the reply is a JPEG file as it is. All numbers are little-endian.
 *
 * | at | type | meaning |
 * |---:|---|---|
 * | 0 | 4 characters | `MJPG`, `YUYV` or `NV12`, as V4L2 calls them |
 * | 4 | uint32 | width in pixels |
 * | 8 | uint32 | height in pixels |
 * | 12 | uint32 | bytes from the beginning of a line to that of the next; 0 with MJPG |
 * | 16 | float64 | the frame's number |
 * | 24 | float64 | when it was taken: Unix time in milliseconds |
 * | 32 | uint32 | 0 |
 * | 36 | uint32 | bytes of the trailer, 40; a later version may have more in front |
 */
import type { FrameFormat } from "./hardware.ts";

export const trailerBytes = 40;

export interface FrameFacts {
  number: number;
  /** Unix time in milliseconds. */
  timeMs: number;
  format: Pick<FrameFormat, "format" | "width" | "height" | "bytesPerLine">;
}

/** A copy of the frame, and the trailer behind it. */
export function packFrame({ number, timeMs, format }: FrameFacts, bytes: Uint8Array): Uint8Array {
  const packed = new Uint8Array(bytes.length + trailerBytes);
  packed.set(bytes);
  packed.set(new TextEncoder().encode(format.format === "MJPEG" ? "MJPG" : format.format), bytes.length);
  const data = new DataView(packed.buffer, bytes.length);
  data.setUint32(4, format.width, true);
  data.setUint32(8, format.height, true);
  data.setUint32(12, format.bytesPerLine, true);
  data.setFloat64(16, number, true);
  data.setFloat64(24, timeMs, true);
  data.setUint32(36, trailerBytes, true);
  return packed;
}

/** The facts of a reply, and the frame in it. */
export function unpackFrame(packed: Uint8Array): FrameFacts & { bytes: Uint8Array } {
  const { buffer, byteOffset, length } = packed;
  const begin = length - new DataView(buffer, byteOffset + length - 4).getUint32(0, true);
  const data = new DataView(buffer, byteOffset + begin);
  const fourCc = new TextDecoder().decode(packed.subarray(begin, begin + 4));
  return {
    bytes: packed.subarray(0, begin),
    number: data.getFloat64(16, true),
    timeMs: data.getFloat64(24, true),
    format: {
      format: fourCc === "MJPG" ? "MJPEG" : (fourCc as FrameFormat["format"]),
      width: data.getUint32(4, true),
      height: data.getUint32(8, true),
      bytesPerLine: data.getUint32(12, true),
    },
  };
}
