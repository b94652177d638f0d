import type { FrameFormat } from "./hardware.ts";

/** Bytes of a whole frame; `undefined` with MJPEG, where each is different. */
export function rawFrameBytes({ format, height, bytesPerLine }: FrameFormat): number | undefined {
  if (format === "MJPEG") return undefined;
  // NV12 has a line of colors for two of brightness.
  return format === "YUYV" ? bytesPerLine * height : bytesPerLine * (height + Math.ceil(height / 2));
}
