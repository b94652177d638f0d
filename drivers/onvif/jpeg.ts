import { UmecError } from "../../runtime/plugin/sdk.ts";

/**
 * Checks a picture by its ends: SOI at the start, EOI at the end (ITU-T T.81 section B.1.1.3). Gives the picture
 * without what some cameras put behind it. Throws `ONVIF_JPEG`.
 */
export function wholeJpeg(body: Uint8Array): Uint8Array {
  if (body.length < 4) throw new UmecError("ONVIF_JPEG", `the picture has ${body.length} bytes`);
  if (body[0] !== 0xff || body[1] !== 0xd8 || body[2] !== 0xff) {
    const start = Buffer.from(body.subarray(0, 4)).toString("hex");
    throw new UmecError("ONVIF_JPEG", `the picture is no JPEG: it starts with ${start}, not with ffd8ff`);
  }
  const slack = Math.max(2, body.length - maxPadding);
  for (let at = body.length - 2; at >= slack; at--) {
    if (body[at] === 0xff && body[at + 1] === 0xd9) return body.subarray(0, at + 2);
    const last = body[at + 1];
    if (last !== 0 && last !== 0x0d && last !== 0x0a && last !== 0xff) break;
  }
  throw new UmecError("ONVIF_JPEG", `the picture of ${body.length} bytes is cut off: it has no end (ffd9)`);
}

/** Line breaks, zeros and fill bytes behind a picture, as some cameras pad it. */
const maxPadding = 1024;
