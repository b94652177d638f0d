/**
 * Framers: they cut a stream of bytes into frames.
 *
 * What holds for all of them: chunks may be cut anywhere; memory is bounded by the longest frame; after garbage they
 * find the next frame by themselves, and tell of the garbage once; and a frame whose beginning was not heard is not
 * given. A port is opened in the middle of a frame as often as not, and the end of `123.4` is `3.4`.
 */

export interface Frame {
  /** The frame without its delimiter; a copy, which may be kept. */
  bytes: Buffer;
  /** Monotonic time at which the chunk with its first byte came, in milliseconds. */
  atMs: number;
  /** What the named groups of the pattern are, where a pattern has cut it out. */
  groups?: Readonly<Record<string, string | undefined>>;
}

export interface FramerEvents {
  frame(frame: Frame): void;
  /** Bytes that belong to no frame. */
  garbage(reason: string): void;
}

export interface Framer {
  /** Takes bytes that came at `atMs`, a monotonic time in milliseconds; keeps none of `chunk`. */
  push(chunk: Buffer, atMs: number): void;
}

/** Makes the framer of a port that was opened at `openedAtMs`. */
export type CreateFramer = (events: FramerEvents, openedAtMs: number) => Framer;
