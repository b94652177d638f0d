import assert from "node:assert/strict";
import { test } from "node:test";
import { UmecError } from "../../runtime/plugin/sdk.ts";
import { Feed, type NumberedFrame } from "./feed.ts";
import { createMemorySource, MemoryCamera } from "./memory-source.ts";
import { yuyv, yuyvFrame } from "./test-frames.ts";

const format = yuyv(16, 16);
const never = new AbortController().signal;
const anyFrame = (): boolean => true;
const luma = ({ bytes }: NumberedFrame): number | undefined => bytes[0];

async function attached({ lingerMs = 0, warmUpMs = 0 } = {}) {
  const memory = new MemoryCamera([format]);
  const camera = await createMemorySource(memory).open({ device: memory.path, formats: ["YUYV"] });
  const clock = { ms: 1000, nowMs: () => 0, monotonicMs: () => clock.ms };
  clock.nowMs = () => 1_700_000_000_000 + clock.ms;
  const feed = new Feed({ clock, lingerMs, warmUpMs });
  const ends: UmecError[] = [];
  feed.attach(camera, (error) => void ends.push(error));
  const give = (value: number, options = {}): void => memory.give(yuyvFrame(format, value), options);
  return { memory, camera, clock, feed, ends, give };
}

/** Behind all that waits for a promise or a timer of 0 ms. */
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

test("the stream runs while it is held, and ends when nobody wants it any more", async () => {
  const { memory, feed } = await attached();
  assert.equal(memory.streaming, false);
  const [one, two] = [feed.hold(), feed.hold()];
  assert.equal(memory.streaming, true);
  one();
  one();
  await settled();
  assert.equal(memory.streaming, true);
  two();
  await settled();
  assert.deepEqual([memory.streaming, memory.starts], [false, 1]);
});

test("a hold within the linger time goes on with the same stream", async () => {
  const { memory, feed, give } = await attached({ lingerMs: 60_000 });
  feed.hold()();
  give(1);
  const taken = feed.take(anyFrame, luma, never);
  assert.equal(await taken, 1);
  assert.deepEqual([memory.streaming, memory.starts], [true, 1]);
  feed.close(new UmecError("STOPPED", "stopped"));
  assert.equal(memory.streaming, false);
});

test("the newest frame that is here is taken at once, else the next that fits", async () => {
  const { feed, give } = await attached();
  const release = feed.hold();
  give(1);
  give(2);
  assert.equal(await feed.take(({ number }) => number > 1, luma, never), 2);
  const next = feed.take(({ number }) => number > 2, luma, never);
  give(3);
  give(4);
  assert.equal(await next, 3);
  release();
});

test("numbers count over streams, and those that are missing are the lost frames", async () => {
  const { feed, give } = await attached();
  const numbers: number[] = [];
  feed.listen(({ number }) => void numbers.push(number));
  let release = feed.hold();
  give(1);
  give(2, { lost: 3 });
  give(3, { damaged: true });
  give(4);
  release();
  await settled();
  release = feed.hold();
  // What a driver leaves out before its first frame is not lost.
  give(5, { lost: 7 });
  assert.deepEqual(numbers, [1, 5, 7, 8]);
  assert.deepEqual([feed.totals.frames, feed.totals.lost], [4, 4]);
  release();
});

test("a damaged frame takes the place of the newest and is given to nobody", async () => {
  const { feed, give } = await attached();
  const release = feed.hold();
  give(1);
  give(2, { damaged: true });
  const taken = feed.take(anyFrame, luma, never);
  give(3);
  assert.equal(await taken, 3);
  release();
});

test("frames of the warm-up are counted and not given", async () => {
  const { feed, give, clock } = await attached({ warmUpMs: 500 });
  const taken = feed.take(anyFrame, ({ number, timeMs }) => ({ number, timeMs }), never);
  give(1);
  clock.ms += 499;
  give(2);
  clock.ms += 1;
  give(3);
  assert.deepEqual(await taken, { number: 3, timeMs: 1_700_000_001_500 });
  assert.equal(feed.totals.frames, 3);
  assert.equal(feed.totals.streamedMs, 500);
});

test("a broken stream refuses who waits and who comes, and a new camera goes on", async () => {
  const { memory, camera, feed, ends, give } = await attached();
  const waiting = feed.take(anyFrame, luma, never);
  memory.breakStream(new UmecError("V4L2_GONE", "/dev/video0 is gone"));
  await assert.rejects(waiting, { code: "V4L2_OFFLINE", message: /video0 is gone/ });
  await assert.rejects(feed.take(anyFrame, luma, never), { code: "V4L2_OFFLINE" });
  assert.deepEqual(
    ends.map(({ code }) => code),
    ["V4L2_GONE"],
  );
  const release = feed.hold();
  feed.attach(camera, () => {});
  assert.equal(memory.streaming, true);
  const taken = feed.take(anyFrame, luma, never);
  give(9);
  assert.equal(await taken, 9);
  release();
});

test("a stream that can't be started refuses the taker that wanted it", async () => {
  const { memory, feed, ends } = await attached();
  memory.busy = true;
  await assert.rejects(feed.take(anyFrame, luma, never), { code: "V4L2_OFFLINE", message: /in use/ });
  assert.equal(ends[0]?.code, "V4L2_BUSY");
});

test("who gives up gets the signal's reason, and holds nothing any more", async () => {
  const { memory, feed } = await attached();
  const stop = new AbortController();
  const waiting = feed.take(anyFrame, luma, stop.signal);
  stop.abort(new Error("enough"));
  await assert.rejects(waiting, /enough/);
  await settled();
  assert.equal(memory.streaming, false);
});

test("a stream that gives nothing for 5 s is ended", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { feed, ends, memory } = await attached();
  feed.hold();
  context.mock.timers.tick(4999);
  assert.equal(ends.length, 0);
  context.mock.timers.tick(1);
  assert.equal(ends[0]?.code, "V4L2_SILENT");
  assert.equal(memory.streaming, false);
});
