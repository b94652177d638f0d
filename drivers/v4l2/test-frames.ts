/** Frames for tests. */
import type { FrameFormat } from "./hardware.ts";

export function yuyv(width: number, height: number, more: Partial<FrameFormat> = {}): FrameFormat {
  const bytesPerLine = 2 * width;
  return {
    format: "YUYV",
    width,
    height,
    bytesPerLine,
    fullRange: false,
    bt709: false,
    framesPerSecond: 30,
    ...more,
  };
}

export function nv12(width: number, height: number, more: Partial<FrameFormat> = {}): FrameFormat {
  return { ...yuyv(width, height), format: "NV12", bytesPerLine: width, ...more };
}

export function mjpeg(width: number, height: number): FrameFormat {
  return { ...yuyv(width, height), format: "MJPEG", bytesPerLine: 0 };
}

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
  luma: number;
}

/** A grey frame of YUYV, with a box in it. */
export function yuyvFrame({ width, height, bytesPerLine }: FrameFormat, luma = 100, box?: Box): Uint8Array {
  const bytes = new Uint8Array(bytesPerLine * height).fill(128);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const inside = box && x >= box.x && x < box.x + box.width && y >= box.y && y < box.y + box.height;
      bytes[y * bytesPerLine + 2 * x] = inside ? box.luma : luma;
    }
  }
  return bytes;
}
