/**
 * The hardware edge: cameras, and the frames of one. `linux-source.ts` is the real one, `memory-source.ts` its twin in
 * memory.
 *
 * A frame's bytes are the camera's own buffer, not a copy. They are right until the next frame is handed over, and
 * gone with the stream: who needs them longer copies them before that.
 */
import type { UmecError } from "../../runtime/plugin/sdk.ts";

/** The formats that are taken, MJPEG being pictures after ITU-T T.81, each by itself. */
export const formatNames = ["MJPEG", "YUYV", "NV12"] as const;
export type FormatName = (typeof formatNames)[number];

/** A device file that captures. */
export interface FoundCamera {
  /** `/dev/video0` */
  readonly path: string;
  readonly card: string;
  readonly bus: string;
  /** Of the formats that are taken, in the camera's order. */
  readonly formats: readonly { readonly format: FormatName; readonly sizes: readonly string[] }[];
}

export interface CaptureSettings {
  /** The device file, or the camera's name or place: its card or bus, or the beginning of either. */
  device: string;
  /** In order of preference; the first that the camera has is taken. */
  formats: readonly FormatName[];
  /** In pixels. @default the nearest to 640 that the camera has */
  width?: number;
  /** In pixels. @default the nearest to 480 that the camera has */
  height?: number;
  /** @default the camera's own */
  framesPerSecond?: number;
}

/** What the frames of a camera look like, as it was settled with it. */
export interface FrameFormat {
  readonly format: FormatName;
  readonly width: number;
  readonly height: number;
  /** From the beginning of a line to that of the next; 0 with MJPEG. */
  readonly bytesPerLine: number;
  /** Brightness from 0 to 255, and not from 16 to 235. */
  readonly fullRange: boolean;
  /** Colors by ITU-R BT.709, and not by BT.601. */
  readonly bt709: boolean;
  /** `undefined` when the camera does not say. */
  readonly framesPerSecond: number | undefined;
}

export interface Frame {
  /** Counts the stream's frames, those that were lost as well, from its start. */
  readonly sequence: number;
  /** How long ago it was taken when it was handed over, in milliseconds. */
  readonly ageMs: number;
  /** The camera's own memory; see above. */
  readonly bytes: Uint8Array;
  /** It can't be used: the camera says so, or it is no whole frame. It counts as lost. */
  readonly damaged: boolean;
}

export interface Control {
  readonly name: string;
  readonly value: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly default: number;
}

/** A camera that is ours to use. */
export interface Camera {
  readonly path: string;
  readonly card: string;
  readonly format: FrameFormat;
  /** All that can be set by a number. @throws UmecError `V4L2_GONE`, `V4L2_FAULT` */
  controls(): Control[];
  /** @throws UmecError `V4L2_CONTROL` when there is none of that name, or the value is not taken; `V4L2_GONE` */
  setControl(name: string, value: number): void;
  /**
   * Starts the stream. `onFrame` is given each frame; `onEnd` is told once when the stream breaks, such as when the
   * camera was unplugged.
   *
   * @throws UmecError `V4L2_BUSY`, `V4L2_GONE`, `V4L2_FAULT`
   */
  start(onFrame: (frame: Frame) => void, onEnd: (error: UmecError) => void): void;
  /** Stops the stream; without one nothing happens. */
  stop(): void;
  /** Stops and lets go. */
  close(): void;
}

export interface FrameSource {
  /** Cameras with at least one format that is taken. What may not be opened is told to `refused`. */
  list(refused?: (error: UmecError) => void): Promise<FoundCamera[]>;
  /**
   * @throws UmecError `V4L2_NO_CAMERA`, `V4L2_FORBIDDEN`, `V4L2_FORMAT`, `V4L2_SIZE`, `V4L2_BUSY`, `V4L2_FAULT`,
   * `V4L2_ADDON_MISSING`
   */
  open(settings: CaptureSettings): Promise<Camera>;
  /** Calls `changed` when a device file has come, gone or changed hands; returns what ends that. */
  watch(changed: () => void): () => void;
  /** Whether the device file is there. */
  present(path: string): Promise<boolean>;
}
