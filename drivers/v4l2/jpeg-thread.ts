/**
 * The thread of pictures: encodes and decodes JPEG, which takes tens of milliseconds a picture, beside the node's loop.
 *
 * A thread is started by a file's name, and in a bundle this module lies in a file whose name nobody knows beforehand.
 * So it tells where it is itself: whoever starts the thread imports it, for `threadUrl` alone, and in the thread the
 * same file does the work.
 */
import { parentPort, workerData } from "node:worker_threads";
import { messageOf } from "../../runtime/plugin/sdk.ts";
import type { JpegReply, JpegRequest, JpegWork } from "./jpeg-work.ts";
import { createSampler } from "./luma-grid.ts";
import { withHuffmanTables } from "./mjpeg.ts";
import { toRgba } from "./pixels.ts";

/** What to start, with {@link threadName} as its `workerData`. */
export const threadUrl = new URL(import.meta.url);
export const threadName = "v4l2-jpeg";

/** More is no camera's picture, but one that shall take the memory. */
const decodeLimits = { maxResolutionInMP: 16, maxMemoryUsageInMB: 160 };

function work(jpeg: typeof import("jpeg-js"), asked: JpegWork): Uint8Array<ArrayBuffer> {
  if (asked.kind === "encode") {
    const { width, height } = asked.format;
    const { data } = jpeg.encode({ width, height, data: toRgba(asked.bytes, asked.format) }, asked.quality);
    return new Uint8Array(data);
  }
  const picture = withHuffmanTables(asked.bytes);
  const { width, height, data } = jpeg.decode(picture, {
    useTArray: true,
    formatAsRGBA: false,
    ...decodeLimits,
  });
  return createSampler({ width, height, bytesPerLine: 3 * width, bytesPerPixel: 3 })(data).slice();
}

async function serve(): Promise<void> {
  const jpeg = (await import("jpeg-js")).default;
  parentPort?.on("message", ({ id, ...asked }: JpegRequest) => {
    let reply: JpegReply;
    try {
      reply = { id, bytes: work(jpeg, asked) };
    } catch (error) {
      reply = { id, reason: messageOf(error) };
    }
    parentPort?.postMessage(reply, "bytes" in reply ? [reply.bytes.buffer] : []);
  });
}

if (workerData === threadName) await serve();
