/**
 * The stream of frames through buffers that the kernel shares with this process.
 *
 * 1. The kernel is asked for `bufferCount` buffers, each is mapped and queued, the stream is started.
 * 2. When the descriptor is readable, frames are taken until there is none; each is handed over where it lies.
 * 3. The newest buffer stays with us until the next one comes, then it goes back. So the newest frame can be looked
 *    at for as long as it is the newest, without a copy of it, and the camera has the others to write to.
 * 4. At the end the stream is stopped and the mappings go. What was handed over must not be touched after that, and
 *    nobody does who keeps to `hardware.ts`.
 */
import type { UmecError } from "../../runtime/plugin/sdk.ts";
import { isLibcError, type Libc, type Mapping } from "../common/libc.ts";
import type { WatchReadable } from "../common/readable.ts";
import { errnoOf, kernelError } from "./errors.ts";
import type { Frame } from "./hardware.ts";
import {
  type BufferState,
  bufferBytes,
  decodeBuffer,
  decodeBuffersRequest,
  encodeBuffer,
  encodeBuffersRequest,
  encodeStreamType,
  fillBuffer,
  ioctls,
} from "./uapi.ts";

/** One is ours, one is being written; two more bridge a pause of this process of two frames. */
const bufferCount = 4;

export interface StreamParts {
  libc: Libc;
  watchReadable: WatchReadable;
  fd: number;
  path: string;
  /** Bytes of a frame when all are alike; a shorter one is damaged. `undefined` with MJPEG. */
  frameBytes: number | undefined;
  onFrame: (frame: Frame) => void;
  onEnd: (error: UmecError) => void;
}

/** Starts the stream; returns what stops it. @throws UmecError `V4L2_BUSY`, `V4L2_GONE`, `V4L2_FAULT` */
export function startStream(parts: StreamParts): () => void {
  const { libc, fd, path } = parts;
  const mappings: Mapping[] = [];
  try {
    const request = encodeBuffersRequest(bufferCount);
    libc.ioctl(fd, ioctls.requestBuffers, request);
    for (let index = 0; index < decodeBuffersRequest(request); index++) {
      const buffer = encodeBuffer(index);
      libc.ioctl(fd, ioctls.queryBuffer, buffer);
      const { length, offset } = decodeBuffer(buffer);
      mappings.push(libc.mmap(fd, length, offset));
      libc.ioctl(fd, ioctls.queueBuffer, encodeBuffer(index));
    }
    libc.ioctl(fd, ioctls.streamOn, encodeStreamType());
  } catch (cause) {
    release(parts, mappings);
    throw kernelError(cause, path, `the stream of ${path} can't be started`);
  }
  const ended = take(parts, mappings);
  return () => {
    ended();
    release(parts, mappings);
  };
}

/** Takes frames until the stream breaks or the function that it returns is called. */
function take(parts: StreamParts, mappings: readonly Mapping[]): () => void {
  const { libc, watchReadable, fd, path, frameBytes, onFrame, onEnd } = parts;
  const buffer = new Uint8Array(bufferBytes);
  const queued = new Uint8Array(bufferBytes);
  let ended = false;
  let held: number | undefined;

  const readFrames = (): void => {
    // As many as there are buffers: a camera that is faster than we are must not keep the loop.
    for (let round = 0; round < mappings.length && !ended; round++) {
      let state: BufferState;
      try {
        libc.ioctl(fd, ioctls.dequeueBuffer, fillBuffer(buffer, 0));
        state = decodeBuffer(buffer);
        if (held !== undefined) libc.ioctl(fd, ioctls.queueBuffer, fillBuffer(queued, held));
        held = state.index;
      } catch (cause) {
        if (isLibcError(cause, "EAGAIN")) return;
        unwatch();
        // A stream that breaks with EIO has as a rule lost its device (vb2_queue_error).
        onEnd(kernelError(cause, path, `the stream of ${path} broke: ${errnoOf(cause)}`));
        return;
      }
      const bytes = mappings[state.index]!.bytes.subarray(0, state.bytesUsed);
      const damaged = state.damaged || (frameBytes !== undefined && bytes.length < frameBytes);
      onFrame({ sequence: state.sequence, ageMs: ageMs(state.atMs), bytes, damaged });
    }
  };
  const end = watchReadable(fd, readFrames);
  const unwatch = (): void => {
    ended = true;
    end();
  };
  return unwatch;
}

function release({ libc, fd }: StreamParts, mappings: readonly Mapping[]): void {
  const attempt = (call: () => void): void => {
    try {
      call();
    } catch {
      // The device may be gone; what is ours goes all the same.
    }
  };
  attempt(() => libc.ioctl(fd, ioctls.streamOff, encodeStreamType()));
  for (const mapping of mappings) mapping[Symbol.dispose]();
  attempt(() => libc.ioctl(fd, ioctls.requestBuffers, encodeBuffersRequest(0)));
}

function ageMs(atMs: number | undefined): number {
  if (atMs === undefined) return 0;
  // libuv reads CLOCK_MONOTONIC, which is the kernel's clock for frames, too.
  return Math.max(0, Number(process.hrtime.bigint() / 1000n) / 1000 - atMs);
}
