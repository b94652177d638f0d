/**
 * Finds requests in what a master sends.
 *
 * On a wire a frame ends with a silence of 3.5 characters. A simulator has a socket or a pipe instead: bytes come in
 * heaps whose edges mean nothing, but in their order and unharmed. So a frame's end is computed from its function
 * code, and confirmed by its checksum. A function whose length nobody knows ends when nothing has come for `idleMs`.
 * Bytes before a frame that are not one (noise) are passed over, and reported before it, or with the next silence.
 */
import { isIntact, requestBytes } from "./rtu-frame.ts";

/** A frame of at most 256 bytes (MODBUS over Serial Line V1.02, section 2.5.1), behind as much noise. */
const longest = 512;
/** Unit, the five bytes of most requests, checksum. */
const shortest = 8;

export interface ReaderOptions {
  /** A whole frame with a good checksum; a view. */
  onFrame(frame: Buffer): void;
  /** Bytes that are no frame; a view. */
  onNoise(bytes: Buffer): void;
  /** @default 100 */
  idleMs?: number;
}

export interface RequestReader {
  push(chunk: Buffer): void;
  /** Forgets what has come. */
  close(): void;
}

export function createRequestReader({ onFrame, onNoise, idleMs = 100 }: ReaderOptions): RequestReader {
  let bytes: Buffer = Buffer.alloc(0);
  let timer: NodeJS.Timeout | undefined;

  /** The first frame of known length in `bytes`, wherever it begins. */
  function takeKnown(): boolean {
    for (let at = 0; at + shortest <= bytes.length; at++) {
      const length = requestBytes(bytes, at);
      if (!length || !isIntact(bytes, at, length)) continue;
      const noise = bytes.subarray(0, at);
      const frame = bytes.subarray(at, at + length);
      bytes = bytes.subarray(at + length);
      if (noise.length > 0) onNoise(noise);
      onFrame(frame);
      return true;
    }
    return false;
  }

  function silence(): void {
    const rest = bytes;
    bytes = Buffer.alloc(0);
    if (isIntact(rest, 0, rest.length)) onFrame(rest);
    else if (rest.length > 0) onNoise(rest);
  }

  return {
    push(chunk) {
      bytes = Buffer.concat([bytes, chunk]);
      while (takeKnown());
      if (bytes.length > longest) {
        onNoise(bytes.subarray(0, -longest));
        bytes = bytes.subarray(-longest);
      }
      clearTimeout(timer);
      if (bytes.length > 0) timer = setTimeout(silence, idleMs);
    },
    close() {
      clearTimeout(timer);
      bytes = Buffer.alloc(0);
    },
  };
}
