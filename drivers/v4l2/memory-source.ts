/**
 * Cameras in memory. A test gives each frame, and the buffers are few and used again, as those of the kernel are: who
 * keeps a frame's bytes too long sees them change, and after the stream's end they are overwritten.
 */

import type { UmecError } from "../../runtime/plugin/sdk.ts";
import { controlError, formatError, goneError, kernelError, noCameraError, sizeError } from "./errors.ts";
import type {
  Camera,
  CaptureSettings,
  Control,
  FoundCamera,
  Frame,
  FrameFormat,
  FrameSource,
} from "./hardware.ts";
import { chooseCamera } from "./match.ts";
import { rawFrameBytes } from "./raw-frame.ts";

const bufferCount = 4;
const staleByte = 0xdd;

export interface GiveOptions {
  /** Frames that are lost before this one. @default 0 */
  lost?: number;
  /** @default false */
  damaged?: boolean;
}

export class MemoryCamera {
  readonly path: string;
  readonly card: string;
  readonly bus: string;
  readonly formats: readonly FrameFormat[];
  readonly controls: Control[];
  /** How often a stream was started. */
  starts = 0;
  /** Another program has it. */
  busy = false;
  plugged = true;
  #stream:
    | { give: (frame: Frame) => void; end: (error: UmecError) => void; buffers: Uint8Array[] }
    | undefined;
  #sequence = 0;
  #waiting: (() => void)[] = [];
  #resting: (() => void)[] = [];
  format: FrameFormat;

  constructor(formats: readonly FrameFormat[], controls: readonly Control[] = [], number = 0) {
    this.path = `/dev/video${number}`;
    this.card = `Memory camera ${number}`;
    this.bus = `memory:${number}`;
    this.formats = formats;
    this.format = formats[0]!;
    this.controls = controls.map((control) => ({ ...control }));
  }

  get streaming(): boolean {
    return this.#stream !== undefined;
  }

  /** Resolves when a stream runs. */
  async streams(): Promise<void> {
    if (this.#stream) return;
    await new Promise<void>((resolve) => void this.#waiting.push(resolve));
  }

  /** Resolves when no stream runs. */
  async rests(): Promise<void> {
    if (!this.#stream) return;
    await new Promise<void>((resolve) => void this.#resting.push(resolve));
  }

  /** Hands a frame over. */
  give(bytes: Uint8Array, { lost = 0, damaged = false }: GiveOptions = {}): void {
    const stream = this.#stream;
    if (!stream) throw new Error("no stream runs");
    this.#sequence += lost;
    const index = this.#sequence % bufferCount;
    let buffer = stream.buffers[index];
    if (!buffer || buffer.length < bytes.length) {
      buffer = new Uint8Array(bytes.length);
      stream.buffers[index] = buffer;
    }
    buffer.set(bytes);
    const short = bytes.length < (rawFrameBytes(this.format) ?? 0);
    stream.give({
      sequence: this.#sequence++,
      ageMs: 0,
      bytes: buffer.subarray(0, bytes.length),
      damaged: damaged || short,
    });
  }

  /** As of a broken stream. */
  breakStream(error: UmecError): void {
    this.#stream?.end(error);
  }

  start(give: (frame: Frame) => void, end: (error: UmecError) => void): void {
    if (!this.plugged) throw goneError(this.path);
    if (this.busy) throw kernelError({ code: "EBUSY" }, this.path, "");
    this.#stream = { give, end, buffers: [] };
    this.#sequence = 0;
    this.starts++;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  stop(): void {
    for (const buffer of this.#stream?.buffers ?? []) buffer?.fill(staleByte);
    this.#stream = undefined;
    for (const resolve of this.#resting.splice(0)) resolve();
  }
}

export interface MemorySource extends FrameSource {
  unplug(camera: MemoryCamera): void;
  plug(camera: MemoryCamera): void;
}

export function createMemorySource(...cameras: MemoryCamera[]): MemorySource {
  const watchers = new Set<() => void>();
  const changed = (): void => {
    for (const watcher of watchers) watcher();
  };
  const found = (): FoundCamera[] =>
    cameras
      .filter(({ plugged }) => plugged)
      .map(({ path, card, bus, formats }) => ({
        path,
        card,
        bus,
        formats: formats.map(({ format, width, height }) => ({ format, sizes: [`${width}x${height}`] })),
      }));

  return {
    list: async () => found(),
    async open(settings) {
      const match = settings.device.startsWith("/")
        ? found().find(({ path }) => path === settings.device)
        : chooseCamera(found(), settings.device);
      const camera = cameras.find(({ path }) => path === match?.path);
      if (!camera)
        throw noCameraError(
          settings.device,
          found().map(({ card, path }) => `${card} (${path})`),
        );
      camera.format = settle(camera, settings);
      return opened(camera);
    },
    watch(watcher) {
      watchers.add(watcher);
      return () => void watchers.delete(watcher);
    },
    present: async (path) => found().some((camera) => camera.path === path),
    unplug(camera) {
      camera.plugged = false;
      changed();
    },
    plug(camera) {
      camera.plugged = true;
      changed();
    },
  };
}

function settle(
  { path, formats }: MemoryCamera,
  { width, height, ...settings }: CaptureSettings,
): FrameFormat {
  const has = formats.map(({ format }) => format);
  const wanted = settings.formats.find((name) => has.includes(name));
  const format = formats.find((other) => other.format === wanted);
  if (!format) throw formatError(path, settings.formats, has);
  const size = `${format.width}x${format.height}`;
  if ((width ?? format.width) !== format.width || (height ?? format.height) !== format.height) {
    throw sizeError(path, `${width}x${height}`, size, [size]);
  }
  return { ...format, framesPerSecond: settings.framesPerSecond ?? format.framesPerSecond };
}

function opened(camera: MemoryCamera): Camera {
  return {
    path: camera.path,
    card: camera.card,
    format: camera.format,
    controls: () => camera.controls.map((control) => ({ ...control })),
    setControl(name, value) {
      const control = camera.controls.find((other) => other.name === name);
      if (!control) throw controlError(`${camera.path} has no control ${name}`);
      if (value < control.minimum || value > control.maximum) {
        throw controlError(
          `${name} takes whole numbers from ${control.minimum} to ${control.maximum}, not ${value}`,
        );
      }
      Object.assign(control, { value });
    },
    start: (onFrame, onEnd) => camera.start(onFrame, onEnd),
    stop: () => camera.stop(),
    close: () => camera.stop(),
  };
}
