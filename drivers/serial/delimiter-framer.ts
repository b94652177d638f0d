import type { CreateFramer } from "./framer.ts";

export interface DelimiterOptions {
  /** What ends a frame. */
  delimiter: Buffer;
  /** Longest frame, without its delimiter. */
  maxFrameBytes: number;
  /** When the first byte comes sooner after the opening, it may be the middle of a frame. */
  gapMs: number;
}

/** Frames that end with certain bytes. Empty ones are no frames. */
export function delimiterFramer({ delimiter, maxFrameBytes, gapMs }: DelimiterOptions): CreateFramer {
  return (events, openedAtMs) => {
    let kept = Buffer.alloc(0);
    let keptAtMs = 0;
    let first = true;
    /** Up to the next delimiter nothing is a frame. */
    let skipping = false;

    function take(bytes: Buffer, atMs: number): void {
      if (skipping) {
        skipping = false;
        return;
      }
      if (bytes.length > maxFrameBytes) events.garbage(tooLong);
      else if (bytes.length > 0) events.frame({ bytes: Buffer.from(bytes), atMs });
    }
    const tooLong = `more than ${maxFrameBytes} bytes without a delimiter`;

    return {
      push(chunk, atMs) {
        if (first) skipping = atMs - openedAtMs < gapMs;
        first = false;
        let frameAtMs = kept.length > 0 ? keptAtMs : atMs;
        let rest = kept.length > 0 ? Buffer.concat([kept, chunk]) : chunk;
        // Only the new bytes, and as many before as may begin a delimiter.
        let from = Math.max(0, kept.length - delimiter.length + 1);
        for (;;) {
          const end = rest.indexOf(delimiter, from);
          if (end < 0) break;
          take(rest.subarray(0, end), frameAtMs);
          rest = rest.subarray(end + delimiter.length);
          frameAtMs = atMs;
          from = 0;
        }
        if (rest.length > maxFrameBytes + delimiter.length) {
          if (!skipping) events.garbage(tooLong);
          skipping = true;
          rest = rest.subarray(rest.length - delimiter.length + 1);
        }
        kept = Buffer.from(rest);
        keptAtMs = frameAtMs;
      },
    };
  };
}
