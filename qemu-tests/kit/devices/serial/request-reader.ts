/**
 * Finds requests in what a master sends.
 *
 * On a wire a frame ends with a silence of 3.5 characters. Between QEMU and us there is no wire and no baud rate:
 * bytes come in heaps whose edges mean nothing, but in their order and unharmed. So a frame's end is computed from its
 * function code, and confirmed by its checksum. A function whose length nobody knows ends when nothing has come
 * for `idleMs`. Bytes before a frame that are not one (noise) are passed over, and reported with the next silence.
 */
import { hasGoodCrc, requestLength } from "./rtu.ts";

/** A frame of at most 256 bytes (section 2.5.1), behind as much noise. */
const longest = 512;

export interface ReaderOptions {
  onFrame(frame: Buffer): void;
  /** Bytes that are no frame. */
  onNoise(bytes: Buffer): void;
  /** @default 50 */
  idleMs?: number;
}

export interface RequestReader {
  push(chunk: Buffer): void;
  /** Forgets what has come. */
  close(): void;
}

export function createRequestReader({ onFrame, onNoise, idleMs = 50 }: ReaderOptions): RequestReader {
  let bytes: Buffer = Buffer.alloc(0);
  let timer: NodeJS.Timeout | undefined;

  /** The first frame of known length in `bytes`, wherever it begins. */
  function takeKnown(): boolean {
    for (let at = 0; at + 8 <= bytes.length; at++) {
      const length = requestLength(bytes.subarray(at));
      if (length === undefined || at + length > bytes.length) continue;
      const frame = bytes.subarray(at, at + length);
      if (!hasGoodCrc(frame)) continue;
      if (at > 0) onNoise(bytes.subarray(0, at));
      bytes = bytes.subarray(at + length);
      onFrame(frame);
      return true;
    }
    return false;
  }

  function silence(): void {
    const rest = bytes;
    bytes = Buffer.alloc(0);
    if (hasGoodCrc(rest)) onFrame(rest);
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
