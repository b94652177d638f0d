/**
 * JPEG in a thread of its own. The thread starts with the first picture and ends when none was asked for `idleMs`, for
 * it costs about 15 MiB; a picture on which it works longer than `timeoutMs` ends it, too. Who asks bounds how many
 * pictures are under way.
 */
import { Worker } from "node:worker_threads";
import { messageOf, UmecError } from "../../runtime/plugin/sdk.ts";
import { pictureError } from "./errors.ts";
import type { FrameFormat } from "./hardware.ts";
import type { JpegReply, JpegRequest, JpegWork } from "./jpeg-work.ts";

export interface Jpeg extends AsyncDisposable {
  /** A raw frame as a picture. `bytes` goes to the thread and is empty from then on. @throws UmecError `V4L2_PICTURE` */
  encode(bytes: Uint8Array<ArrayBuffer>, format: FrameFormat, quality: number): Promise<Uint8Array>;
  /** A picture's grid of brightness; `bytes` as above. @throws UmecError `V4L2_PICTURE` */
  grid(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array>;
}

export interface JpegOptions {
  /** @default 30_000 */
  idleMs?: number;
  /** @default 20_000 */
  timeoutMs?: number;
}

interface Waiting {
  resolve: (bytes: Uint8Array) => void;
  reject: (error: UmecError) => void;
  timer: NodeJS.Timeout;
}

export function createJpeg({ idleMs = 30_000, timeoutMs = 20_000 }: JpegOptions = {}): Jpeg {
  const waiting = new Map<number, Waiting>();
  let worker: Promise<Worker> | undefined;
  let idle: NodeJS.Timeout | undefined;
  let lastId = 0;

  async function end(error: UmecError): Promise<void> {
    clearTimeout(idle);
    for (const { reject, timer } of waiting.values()) {
      clearTimeout(timer);
      reject(error);
    }
    waiting.clear();
    const ending = worker;
    worker = undefined;
    await ending?.then(
      (thread) => thread.terminate(),
      // It was never started.
      () => {},
    );
  }

  async function start(): Promise<Worker> {
    const { threadUrl, threadName } = await import("./jpeg-thread.ts");
    const thread = new Worker(threadUrl, {
      workerData: threadName,
      name: threadName,
      resourceLimits: { maxYoungGenerationSizeMb: 4 },
    });
    const failed = async (error: unknown): Promise<void> => {
      // One that was ended on purpose is not the one that is used any more.
      if ((await worker) === thread) await end(pictureError(`the thread ended: ${messageOf(error)}`));
    };
    thread.on("message", take);
    thread.on("error", failed);
    thread.on("exit", failed);
    thread.unref();
    return thread;
  }

  function take(reply: JpegReply): void {
    const asked = waiting.get(reply.id);
    if (!asked) return;
    waiting.delete(reply.id);
    clearTimeout(asked.timer);
    if (waiting.size === 0) idle = setTimeout(() => void end(stopped()), idleMs).unref();
    if ("bytes" in reply) asked.resolve(reply.bytes);
    else asked.reject(pictureError(reply.reason));
  }

  async function ask(work: JpegWork, bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
    clearTimeout(idle);
    worker ??= start();
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    const id = ++lastId;
    const late = (): void => void end(pictureError(`it took longer than ${timeoutMs} ms`));
    waiting.set(id, { resolve, reject, timer: setTimeout(late, timeoutMs) });
    const [picture] = await Promise.all([
      promise,
      worker.then((thread) => thread.postMessage({ ...work, id } satisfies JpegRequest, [bytes.buffer])),
    ]);
    return picture;
  }

  return {
    encode: (bytes, format, quality) => ask({ kind: "encode", bytes, format, quality }, bytes),
    grid: (bytes) => ask({ kind: "grid", bytes }, bytes),
    [Symbol.asyncDispose]: () => end(stopped()),
  };
}

function stopped(): UmecError {
  return new UmecError("V4L2_STOPPED", "the camera's plugin is stopped");
}
