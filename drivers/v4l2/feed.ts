/**
 * The camera's frames for all who want them.
 *
 * 1. The stream runs while somebody holds it, and `lingerMs` longer: who asks every second does not start it every
 *    second. A camera that nobody wants costs nothing.
 * 2. Frames of the first `warmUpMs` of a stream are counted and given to nobody: cameras find their exposure then.
 * 3. A frame is a view of the camera's memory, good until the next one comes. It is given to listeners and takers at
 *    once, and the newest stays here for those who come later; no frame is copied by this module.
 * 4. Frames are numbered from 1 for as long as the plugin runs, over streams and cameras. A number that is missing is
 *    a frame that was lost: the camera has counted it, and it did not come or was damaged.
 * 5. Without a camera (`detach`) takers are refused at once.
 */
import { type Clock, UmecError } from "../../runtime/plugin/sdk.ts";
import { offlineError, silentError } from "./errors.ts";
import type { Camera, Frame, FrameFormat } from "./hardware.ts";
import { isPicture } from "./mjpeg.ts";

export interface NumberedFrame {
  readonly number: number;
  /** Unix time at which it was taken, in milliseconds. */
  readonly timeMs: number;
  readonly format: FrameFormat;
  /** The camera's memory: copy what is needed after this turn of the loop. */
  readonly bytes: Uint8Array;
}

export interface FeedTotals {
  frames: number;
  lost: number;
  /** How long a stream has run, from its first frame to its last. */
  streamedMs: number;
}

export interface FeedOptions {
  clock: Pick<Clock, "nowMs" | "monotonicMs">;
  lingerMs: number;
  warmUpMs: number;
  /** Told that a stream begins: what was seen before is old. */
  onStart?: () => void;
}

interface Taker {
  look(frame: NumberedFrame): void;
  refuse(error: UmecError): void;
}

export class Feed {
  readonly #options: FeedOptions;
  readonly #takers = new Set<Taker>();
  readonly #listeners = new Set<(frame: NumberedFrame) => void>();
  readonly totals: FeedTotals = { frames: 0, lost: 0, streamedMs: 0 };
  #camera: Camera | undefined;
  #onEnd: (error: UmecError) => void = () => {};
  #offline = new UmecError("V4L2_GONE", "it was not opened yet");
  #holders = 0;
  #linger: NodeJS.Timeout | undefined;
  #streaming = false;
  #base = 0;
  #last = 0;
  #newest: NumberedFrame | undefined;
  #silence: NodeJS.Timeout | undefined;
  #startedMs = 0;
  #frameMs: number | undefined;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  /** The number of the last frame that came; 0 before the first. */
  get lastNumber(): number {
    return this.#last;
  }

  get streaming(): boolean {
    return this.#streaming;
  }

  /** What frames look like now; `undefined` without a camera. */
  get format(): FrameFormat | undefined {
    return this.#camera?.format;
  }

  /** `onEnd` is told when the stream broke or stayed silent; the camera is detached then, and must be closed. */
  attach(camera: Camera, onEnd: (error: UmecError) => void): void {
    this.#camera = camera;
    this.#onEnd = onEnd;
    if (this.#holders > 0) this.#start();
  }

  /** There is no camera any more, for this reason; it must still be closed. */
  detach(error: UmecError): void {
    this.#stop();
    this.#camera = undefined;
    this.#onEnd = () => {};
    this.#offline = error;
    for (const taker of this.#takers) taker.refuse(offlineError(error));
  }

  /** Keeps the stream running until the function that it returns is called. */
  hold(): () => void {
    clearTimeout(this.#linger);
    this.#holders++;
    if (!this.#streaming) this.#start();
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#holders--;
      if (this.#holders === 0) this.#linger = setTimeout(() => this.#stop(), this.#options.lingerMs).unref();
    };
  }

  /** Gives each frame that comes; it does not hold the stream. Returns what ends it. */
  listen(listener: (frame: NumberedFrame) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * The first frame that fits, be it the newest that is here, as `use` makes of it while its bytes are right.
   * Rejects with `V4L2_OFFLINE`, what `use` throws, or the signal's reason.
   */
  async take<T>(
    fits: (frame: NumberedFrame) => boolean,
    use: (frame: NumberedFrame) => T,
    signal: AbortSignal,
  ): Promise<T> {
    signal.throwIfAborted();
    if (!this.#camera) throw offlineError(this.#offline);
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const taker: Taker = {
      look: (frame) => {
        try {
          if (!fits(frame)) return;
          // Several frames may come in one turn of the loop; one is wanted.
          this.#takers.delete(taker);
          resolve(use(frame));
        } catch (error) {
          reject(error);
        }
      },
      refuse: reject,
    };
    const abort = (): void => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    this.#takers.add(taker);
    if (this.#newest) taker.look(this.#newest);
    // A stream that can't be started refuses all takers, so this one must be among them.
    const release = this.hold();
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", abort);
      this.#takers.delete(taker);
      release();
    }
  }

  /** Ends all; takers are refused. */
  close(error: UmecError): void {
    clearTimeout(this.#linger);
    this.detach(error);
  }

  #start(): void {
    const camera = this.#camera;
    if (!camera || this.#streaming) return;
    const { clock, onStart } = this.#options;
    this.#startedMs = clock.monotonicMs();
    this.#frameMs = undefined;
    this.#streaming = true;
    onStart?.();
    const silenceMs = silenceFor(camera.format);
    this.#silence = setTimeout(() => this.#end(silentError(camera.path, silenceMs)), silenceMs);
    try {
      camera.start(
        (frame) => this.#frame(camera, frame),
        (error) => this.#end(error),
      );
    } catch (error) {
      this.#end(error as UmecError);
    }
  }

  #frame({ format }: Camera, frame: Frame): void {
    const { clock, warmUpMs } = this.#options;
    const nowMs = clock.monotonicMs();
    this.#silence?.refresh();
    // The first of a stream, or the sequence went back: the kernel's counter of 32 bits is through.
    const first = this.#frameMs === undefined;
    if (first || this.#base + frame.sequence + 1 <= this.#last) this.#base = this.#last - frame.sequence;
    this.totals.streamedMs += nowMs - (this.#frameMs ?? nowMs);
    this.#frameMs = nowMs;
    const number = this.#base + frame.sequence + 1;
    this.totals.lost += number - this.#last - 1;
    this.#last = number;
    this.#newest = undefined;
    if (frame.damaged || (format.format === "MJPEG" && !isPicture(frame.bytes))) {
      this.totals.lost++;
      return;
    }
    this.totals.frames++;
    if (nowMs - this.#startedMs < warmUpMs) return;
    this.#newest = { number, timeMs: clock.nowMs() - frame.ageMs, format, bytes: frame.bytes };
    for (const taker of this.#takers) taker.look(this.#newest);
    for (const listener of this.#listeners) listener(this.#newest);
  }

  #stop(): void {
    clearTimeout(this.#silence);
    this.#newest = undefined;
    if (!this.#streaming) return;
    this.#streaming = false;
    this.#camera?.stop();
  }

  #end(error: UmecError): void {
    const tell = this.#onEnd;
    this.detach(error);
    tell(error);
  }
}

/** Ten frames long, and 5 s at least: a camera may take seconds to its first frame. */
function silenceFor({ framesPerSecond = 30 }: FrameFormat): number {
  return Math.max(5000, 10_000 / framesPerSecond);
}
