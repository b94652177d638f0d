/** The stream on a kernel in memory, which lends buffers as the real one does. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { UmecError } from "../../runtime/plugin/sdk.ts";
import { type Libc, LibcError } from "../common/libc.ts";
import type { Frame } from "./hardware.ts";
import { startStream } from "./linux-stream.ts";
import { ioctls } from "./uapi.ts";

const frameBytes = 8;

/** Knows which buffers it has, and fails as Linux does when it is called out of order. */
function kernel() {
  const memory: Uint8Array[] = [];
  const queued: number[] = [];
  const full: { index: number; used: number; flags: number; sequence: number }[] = [];
  const state = { streaming: false, mapped: 0, gone: false };
  let readable: () => void = () => {};
  let watching = false;
  const libc: Libc = {
    ioctl(_, request, bytes) {
      const data = new DataView(bytes.buffer, bytes.byteOffset);
      if (state.gone && request !== ioctls.streamOff) throw new LibcError("ioctl", "ENODEV");
      switch (request) {
        case ioctls.requestBuffers:
          assert.ok(!state.streaming && state.mapped === 0);
          memory.length = 0;
          for (let i = 0; i < data.getUint32(0, true); i++) memory.push(new Uint8Array(frameBytes));
          break;
        case ioctls.queryBuffer:
          data.setUint32(64, data.getUint32(0, true) * 4096, true);
          data.setUint32(72, frameBytes, true);
          break;
        case ioctls.queueBuffer: {
          const index = data.getUint32(0, true);
          assert.ok(!queued.includes(index), `buffer ${index} is queued twice`);
          queued.push(index);
          break;
        }
        case ioctls.dequeueBuffer: {
          const next = full.shift();
          if (!next) throw new LibcError("ioctl", "EAGAIN");
          data.setUint32(0, next.index, true);
          data.setUint32(8, next.used, true);
          data.setUint32(12, next.flags, true);
          data.setUint32(56, next.sequence, true);
          break;
        }
        case ioctls.streamOn:
          state.streaming = true;
          break;
        case ioctls.streamOff:
          state.streaming = false;
          queued.length = 0;
          break;
      }
      return 0;
    },
    mmap(_, length, offset) {
      state.mapped++;
      const bytes = memory[offset / 4096]!;
      assert.equal(bytes.length, length);
      return { bytes, [Symbol.dispose]: () => void state.mapped-- };
    },
  };
  return {
    libc,
    state,
    queued,
    watchReadable(_: number, listener: () => void) {
      readable = listener;
      watching = true;
      return () => {
        watching = false;
      };
    },
    get watching() {
      return watching;
    },
    /** The camera has written frames, each full of its sequence number. */
    write(...frames: { sequence: number; used?: number; flags?: number }[]): void {
      for (const { sequence, used = frameBytes, flags = 0 } of frames) {
        const index = queued.shift();
        assert.ok(index !== undefined, "no buffer is left to write to");
        memory[index]!.fill(sequence);
        full.push({ index, used, flags, sequence });
      }
    },
    readable: () => readable(),
  };
}

function stream(of: ReturnType<typeof kernel>) {
  const frames: (Omit<Frame, "bytes"> & { first: number | undefined })[] = [];
  const ends: UmecError[] = [];
  const stop = startStream({
    libc: of.libc,
    watchReadable: of.watchReadable,
    fd: 7,
    path: "/dev/video0",
    frameBytes,
    onFrame: ({ bytes, ...rest }) => void frames.push({ ...rest, first: bytes[0] }),
    onEnd: (error) => void ends.push(error),
  });
  return { frames, ends, stop };
}

test("frames come in order, the newest buffer stays with us and all others are the camera's", () => {
  const camera = kernel();
  const { frames, stop } = stream(camera);
  assert.equal(camera.queued.length, 4);
  camera.write({ sequence: 0 });
  camera.readable();
  assert.equal(camera.queued.length, 3);
  camera.write({ sequence: 1 }, { sequence: 4 });
  camera.readable();
  assert.equal(camera.queued.length, 3);
  const seen = frames.map(({ sequence, first, damaged }) => [sequence, first, damaged]);
  assert.deepEqual(seen, [
    [0, 0, false],
    [1, 1, false],
    [4, 4, false],
  ]);
  stop();
  assert.deepEqual([camera.state.mapped, camera.state.streaming, camera.watching], [0, false, false]);
});

test("a frame that is short, or that the camera says is bad, is damaged", () => {
  const camera = kernel();
  const { frames, stop } = stream(camera);
  camera.write({ sequence: 0, used: 4 }, { sequence: 1, flags: 0x40 }, { sequence: 2 });
  camera.readable();
  assert.deepEqual(
    frames.map(({ damaged }) => damaged),
    [true, true, false],
  );
  stop();
});

test("a hundred frames need no more than the four buffers", () => {
  const camera = kernel();
  const { frames, stop } = stream(camera);
  for (let sequence = 0; sequence < 100; sequence++) {
    camera.write({ sequence });
    camera.readable();
  }
  assert.deepEqual(
    frames.map(({ first }) => first),
    Array.from({ length: 100 }, (_, sequence) => sequence),
  );
  stop();
});

test("an unplugged camera ends the stream once, and all is let go", () => {
  const camera = kernel();
  const { ends, stop } = stream(camera);
  camera.state.gone = true;
  camera.readable();
  assert.deepEqual(
    ends.map(({ code }) => code),
    ["V4L2_GONE"],
  );
  assert.equal(camera.watching, false);
  stop();
  assert.equal(camera.state.mapped, 0);
});

test("a stream that can't be started leaves nothing behind", () => {
  const camera = kernel();
  const { ioctl } = camera.libc;
  const busy: Libc = {
    ...camera.libc,
    ioctl(fd, request, bytes) {
      if (request === ioctls.streamOn) throw new LibcError("ioctl", "EBUSY");
      return ioctl(fd, request, bytes);
    },
  };
  const start = (): unknown =>
    startStream({
      libc: busy,
      watchReadable: camera.watchReadable,
      fd: 7,
      path: "/dev/video0",
      frameBytes,
      onFrame: () => {},
      onEnd: () => {},
    });
  assert.throws(start, { code: "V4L2_BUSY" });
  assert.deepEqual([camera.state.mapped, camera.watching], [0, false]);
});
