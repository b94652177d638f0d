/**
 * Stills: a frame as a JPEG that the node keeps and sends to the hub, and samples that name it.
 *
 * One is made at a time. Who asks while one is made gets that one, so any number of askers costs one picture.
 */
import type { Host } from "../../runtime/plugin/sdk.ts";
import type { Feed } from "./feed.ts";
import type { FrameFormat } from "./hardware.ts";
import type { Jpeg } from "./jpeg.ts";
import { withHuffmanTables } from "./mjpeg.ts";

export interface Still {
  /** The object's name: `camera/still/20261124T102030Z.jpg`. */
  object: string;
  bytes: number;
  width: number;
  height: number;
  /** Unix time in milliseconds. */
  timeMs: number;
}

export interface StillParts {
  host: Pick<Host, "objects" | "emit" | "clock">;
  feed: Feed;
  jpeg: Jpeg;
  quality: number;
  /** Ends it, whoever asked. */
  signal: AbortSignal;
}

/** Makes a still of a frame that was taken after the call; rejects with `V4L2_OFFLINE`, `V4L2_PICTURE` and the host's. */
export function createStills({ host, feed, jpeg, quality, signal }: StillParts): () => Promise<Still> {
  let underWay: Promise<Still> | undefined;
  let lastStamp = "";
  let sameStamp = 0;

  /** Two in one second get different names. */
  function nameOf(timeMs: number): string {
    const stamp = utcStamp(timeMs);
    sameStamp = stamp === lastStamp ? sameStamp + 1 : 1;
    lastStamp = stamp;
    return `camera/still/${stamp}${sameStamp === 1 ? "" : `-${sameStamp}`}.jpg`;
  }

  async function make(): Promise<Still> {
    const before = feed.lastNumber;
    const taken = await feed.take(
      ({ number }) => number > before,
      ({ bytes, format, timeMs }) => ({ bytes: bytes.slice(), format, timeMs }),
      signal,
    );
    const { timeMs, format } = taken;
    const body = await pictureOf(taken.bytes, format);
    const object = nameOf(timeMs);
    const bytes = body.length;
    const time = host.clock.known() ? { timeMs } : {};
    await host.objects.put({ name: object, contentType: "image/jpeg", body, ...time }, signal);
    await host.emit([
      { name: "camera/still", value: object, ...time },
      { name: "camera/still-bytes", value: bytes, unit: "B", ...time },
    ]);
    return { object, bytes, width: format.width, height: format.height, timeMs };
  }

  async function pictureOf(bytes: Uint8Array<ArrayBuffer>, format: FrameFormat): Promise<Uint8Array> {
    return format.format === "MJPEG" ? withHuffmanTables(bytes) : jpeg.encode(bytes, format, quality);
  }

  return () => {
    underWay ??= make().finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}

/** ISO 8601 basic format, to the second: `20261124T102030Z`. */
function utcStamp(timeMs: number): string {
  return new Date(timeMs).toISOString().replaceAll(/[-:]|\.\d+/g, "");
}
