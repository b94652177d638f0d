/** Frames of brightness and color differences as red, green, blue: ITU-R BT.601 and BT.709, in 1/256. */
import type { FrameFormat } from "./hardware.ts";

interface Coefficients {
  /** What black is. */
  black: number;
  luma: number;
  redOfV: number;
  greenOfU: number;
  greenOfV: number;
  blueOfU: number;
}

const limited601: Coefficients = {
  black: 16,
  luma: 298,
  redOfV: 409,
  greenOfU: 100,
  greenOfV: 208,
  blueOfU: 516,
};
const limited709: Coefficients = {
  black: 16,
  luma: 298,
  redOfV: 459,
  greenOfU: 55,
  greenOfV: 136,
  blueOfU: 541,
};
const full601: Coefficients = { black: 0, luma: 256, redOfV: 359, greenOfU: 88, greenOfV: 183, blueOfU: 454 };
const full709: Coefficients = { black: 0, luma: 256, redOfV: 403, greenOfU: 48, greenOfV: 120, blueOfU: 475 };

/** Four bytes for each pixel, the fourth 255; lines without padding. For YUYV and NV12. */
export function toRgba(bytes: Uint8Array, format: FrameFormat): Uint8ClampedArray {
  const { width, height, bytesPerLine } = format;
  const { black, luma, redOfV, greenOfU, greenOfV, blueOfU } = coefficients(format);
  const rgba = new Uint8ClampedArray(width * height * 4);
  const yuyv = format.format === "YUYV";
  const colors = bytesPerLine * height;
  let out = 0;
  for (let y = 0; y < height; y++) {
    const line = y * bytesPerLine;
    const colorLine = yuyv ? line + 1 : colors + (y >> 1) * bytesPerLine;
    for (let x = 0; x < width; x++) {
      const light = luma * (bytes[line + (yuyv ? 2 * x : x)]! - black) + 128;
      const color = colorLine + (yuyv ? 4 * (x >> 1) : 2 * (x >> 1));
      const u = bytes[color]! - 128;
      const v = bytes[color + (yuyv ? 2 : 1)]! - 128;
      rgba[out++] = (light + redOfV * v) >> 8;
      rgba[out++] = (light - greenOfU * u - greenOfV * v) >> 8;
      rgba[out++] = (light + blueOfU * u) >> 8;
      rgba[out++] = 255;
    }
  }
  return rgba;
}

function coefficients({ fullRange, bt709 }: FrameFormat): Coefficients {
  if (fullRange) return bt709 ? full709 : full601;
  return bt709 ? limited709 : limited601;
}
