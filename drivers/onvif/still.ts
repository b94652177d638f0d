/** A still: from the snapshot URI, or of the stream where the camera has no such URI and the stream is JPEG. */
import { UmecError } from "../../runtime/plugin/sdk.ts";
import type { Camera, Session } from "./camera.ts";
import { shown } from "./http-client.ts";
import { wholeJpeg } from "./jpeg.ts";
import { collectJpeg } from "./rtp-jpeg.ts";
import { lookAtStream } from "./stream.ts";

/** Rejects with `ONVIF_JPEG`, `ONVIF_STATUS`, `ONVIF_UNSUPPORTED` or an error of the connection. */
export async function takeStill(
  camera: Camera,
  session: Session,
  { maxBytes, signal }: { maxBytes: number; signal: AbortSignal },
): Promise<Uint8Array> {
  const uri = await session.snapshotUri(signal);
  return uri === undefined
    ? fromStream(camera, session, maxBytes, signal)
    : fetchStill(camera, uri, maxBytes, signal);
}

async function fetchStill(
  camera: Camera,
  uri: string,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { status, body } = await camera.places.use(uri, (url) =>
    camera.http.send({
      url,
      method: "GET",
      headers: { accept: "image/jpeg" },
      maxBytes,
      timeoutMs: camera.timeoutMs,
      signal,
    }),
  );
  const at = shown(camera.places.of(uri));
  if (status === 401 || status === 403) {
    throw new UmecError("ONVIF_UNAUTHORIZED", `the still at ${at} is refused (status ${status})`);
  }
  if (status !== 200) throw new UmecError("ONVIF_STATUS", `the still: ${at} answers with status ${status}`);
  return wholeJpeg(body);
}

async function fromStream(
  camera: Camera,
  session: Session,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const frames = collectJpeg({ maxBytes });
  let still: Uint8Array | undefined;
  let codec = "";
  await lookAtStream({
    ...camera.streamOptions,
    uri: await session.streamUri(signal),
    watchMs: camera.timeoutMs,
    signal,
    see(packet, media) {
      codec = media.codec;
      if (codec === "JPEG") still ??= frames.add(packet);
      return still !== undefined || codec !== "JPEG";
    },
  });
  if (still) return wholeJpeg(still);
  const what =
    codec === "JPEG" ? "its stream gave no whole picture" : `its stream is ${codec || "silent"}, not JPEG`;
  throw new UmecError("ONVIF_UNSUPPORTED", `the camera has no snapshot URI, and ${what}`);
}
