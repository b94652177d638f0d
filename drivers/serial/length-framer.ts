/**
 * Frames of a fixed length. Where one begins is told by the bytes at its start, by its checksum, and by the silence
 * before it; without all three nothing tells, and the frames may be shifted for ever.
 */
import { type ChecksumName, isChecked } from "./checksum.ts";
import type { CreateFramer } from "./framer.ts";

export interface LengthOptions {
  /** Of the whole frame. */
  lengthBytes: number;
  /** What each frame begins with. @default nothing */
  start: Buffer;
  /** What each frame ends with. @default nothing */
  checksum?: ChecksumName | undefined;
  /** A silence after which the beginning of a frame is given up. */
  gapMs: number;
}

export function lengthFramer({ lengthBytes, start, checksum, gapMs }: LengthOptions): CreateFramer {
  return (events, openedAtMs) => {
    let kept = Buffer.alloc(0);
    let frameAtMs = 0;
    let lastMs = openedAtMs;
    /** Garbage is told once, until a frame is found. */
    let told = false;
    /** Without marks only the silence tells where a frame begins. */
    let aligned = start.length > 0 || checksum !== undefined;

    function garbage(reason: string): void {
      if (!told) events.garbage(reason);
      told = true;
    }

    /** Gives at which byte a frame may begin: the first that is `start`, or the beginning of it at the end. */
    function align(bytes: Buffer): number {
      const found = bytes.indexOf(start);
      if (found >= 0) return found;
      for (let at = Math.max(0, bytes.length - start.length + 1); at < bytes.length; at++) {
        if (start.indexOf(bytes.subarray(at)) === 0) return at;
      }
      return bytes.length;
    }

    return {
      push(chunk, atMs) {
        const silent = atMs - lastMs >= gapMs;
        lastMs = atMs;
        if (silent) {
          if (kept.length > 0) garbage(`a frame of ${kept.length} bytes, not ${lengthBytes}`);
          kept = Buffer.alloc(0);
          aligned = true;
        }
        // In the midst of what was on the line before: wait for the silence.
        if (!aligned) return;
        if (kept.length === 0) frameAtMs = atMs;
        let rest = Buffer.concat([kept, chunk]);
        for (;;) {
          const begin = align(rest);
          if (begin > 0) {
            garbage("bytes that are no start of a frame");
            rest = rest.subarray(begin);
            frameAtMs = atMs;
          }
          if (rest.length < lengthBytes) break;
          const bytes = Buffer.from(rest.subarray(0, lengthBytes));
          if (checksum !== undefined && !isChecked(bytes, checksum)) {
            garbage(`a frame with a wrong ${checksum}`);
            rest = rest.subarray(1);
            continue;
          }
          told = false;
          events.frame({ bytes, atMs: frameAtMs });
          rest = rest.subarray(lengthBytes);
          frameAtMs = atMs;
        }
        kept = Buffer.from(rest);
      },
    };
  };
}
