/** What the thread of pictures is asked for and answers. */
import type { FrameFormat } from "./hardware.ts";

export type JpegWork =
  /** A picture of a raw frame; quality from 1 to 100. */
  | { kind: "encode"; bytes: Uint8Array; format: FrameFormat; quality: number }
  /** Brightness of a picture: {@link createSampler}'s grid. */
  | { kind: "grid"; bytes: Uint8Array };

export type JpegRequest = JpegWork & { id: number };

export type JpegReply = { id: number; bytes: Uint8Array<ArrayBuffer> } | { id: number; reason: string };
