import assert from "node:assert/strict";
import { test } from "node:test";
import jpeg from "jpeg-js";
import { startDriver } from "../../runtime/plugin/testkit.ts";
import { discoverCameras } from "./discover.ts";
import { createDriver } from "./driver.ts";
import { unpackFrame } from "./frame-trailer.ts";
import type { Control, FrameFormat } from "./hardware.ts";
import { createMemorySource, MemoryCamera } from "./memory-source.ts";
import type { Still } from "./still.ts";
import { mjpeg, yuyv, yuyvFrame } from "./test-frames.ts";

const small = yuyv(64, 48);
const brightness: Control = { name: "brightness", value: 0, minimum: -64, maximum: 64, default: 0 };
const quick = { device: "Memory", warmUpMs: 0, lingerMs: 0 };

/** A driver with one camera, when it is online. */
async function online(options: object = {}, formats: FrameFormat[] = [small]) {
  const camera = new MemoryCamera(formats, [brightness]);
  const source = createMemorySource(camera);
  const run = startDriver(createDriver(source), { ...quick, ...options });
  const goes = (value: boolean, count = 1) =>
    run.samples((sample) => sample.name === "camera/online" && sample.value === value, { count });
  await goes(true);
  return { camera, source, run, goes, [Symbol.asyncDispose]: () => run[Symbol.asyncDispose]() };
}

const frameOf = async (reply: Promise<unknown>) => unpackFrame((await reply) as Uint8Array);
const picture = (luma: number): Uint8Array => {
  const data = new Uint8Array(64 * 48 * 4).fill(luma);
  return jpeg.encode({ width: 64, height: 48, data }, 90).data;
};

test("a still of a raw frame is encoded, kept, and named by a sample", async () => {
  await using node = await online();
  const asked = node.run.command("camera/still") as Promise<Still>;
  await node.camera.streams();
  node.camera.give(yuyvFrame(small, 180));
  const reply = await asked;
  assert.match(reply.object, /^camera\/still\/\d{8}T\d{6}Z\.jpg$/);
  const [object] = await node.run.kept(1);
  assert.deepEqual([object?.name, object?.contentType], [reply.object, "image/jpeg"]);
  const { width, height, data } = jpeg.decode(object!.body);
  assert.deepEqual([width, height, reply.width, reply.height], [64, 48, 64, 48]);
  // 180 of 16 to 235 is 191 of 0 to 255.
  assert.ok(Math.abs(data[0]! - 191) < 4, String(data[0]));
  const [named] = await node.run.samples(({ name }) => name === "camera/still");
  const [bytes] = await node.run.samples(({ name }) => name === "camera/still-bytes");
  assert.deepEqual([named?.value, bytes?.value, bytes?.unit], [reply.object, object?.body.length, "B"]);
  assert.equal(named?.timeMs, reply.timeMs);
});

test("a still of MJPEG is the camera's own picture, and two askers get one", async () => {
  await using node = await online({}, [mjpeg(64, 48)]);
  const asked = [node.run.command("camera/still"), node.run.command("camera/still")];
  await node.camera.streams();
  const frame = picture(99);
  node.camera.give(frame);
  const [first, second] = await Promise.all(asked);
  assert.deepEqual(first, second);
  assert.deepEqual(
    node.run.objects.map(({ body }) => Buffer.from(body)),
    [Buffer.from(frame)],
  );
});

test("a still is of a frame that was taken after it was asked for, and names in one second differ", async () => {
  await using node = await online({ lingerMs: 60_000 }, [mjpeg(64, 48)]);
  for (const luma of [10, 20, 30]) {
    const asked = node.run.command("camera/still");
    await node.camera.streams();
    node.camera.give(picture(luma));
    await asked;
  }
  const kept = await node.run.kept(3);
  assert.deepEqual(
    kept.map(({ body }) => Math.round(jpeg.decode(body).data[0]! / 10)),
    [1, 2, 3],
  );
  assert.equal(new Set(kept.map(({ name }) => name)).size, 3);
});

test("stills come by the schedule, and the camera rests in between", async () => {
  await using node = await online({ still: { everyMs: 1000 } }, [mjpeg(64, 48)]);
  for (let count = 1; count <= 2; count++) {
    await node.camera.streams();
    node.camera.give(picture(50));
    await node.run.kept(count);
    await node.camera.rests();
  }
  assert.equal(node.camera.starts, 2);
});

test("an application that pulls gets the newest frame, and never one twice", async () => {
  await using node = await online({ lingerMs: 60_000 });
  const first = frameOf(node.run.command("camera/frame"));
  await node.camera.streams();
  node.camera.give(yuyvFrame(small, 1));
  const { number, format, bytes, timeMs } = await first;
  assert.deepEqual([number, format], [1, { format: "YUYV", width: 64, height: 48, bytesPerLine: 128 }]);
  assert.deepEqual(Buffer.from(bytes), Buffer.from(yuyvFrame(small, 1)));
  assert.ok(Math.abs(Date.now() - timeMs) < 60_000);
  for (const luma of [2, 3, 4]) node.camera.give(yuyvFrame(small, luma));
  const late = await frameOf(node.run.command("camera/frame", { after: 1 }));
  assert.deepEqual([late.number, late.bytes[0]], [4, 4]);
  const next = frameOf(node.run.command("camera/frame", { after: 4 }));
  node.camera.give(yuyvFrame(small, 5));
  assert.equal((await next).number, 5);
  // What was handed out is not the camera's memory.
  assert.equal(late.bytes[0], 4);
  // A number of an earlier start of the plugin.
  assert.equal((await frameOf(node.run.command("camera/frame", { after: 1e6 }))).number, 5);
  await assert.rejects(node.run.command("camera/frame", { after: 5, waitMs: 1 }), { code: "V4L2_NO_FRAME" });
});

test("a frame that is too large for a reply is refused before the camera starts", async () => {
  await using node = await online({}, [yuyv(1280, 720)]);
  await assert.rejects(node.run.command("camera/frame"), { code: "V4L2_TOO_LARGE", hint: /MJPEG/ });
  assert.equal(node.camera.starts, 0);
});

test("motion is told when it begins and ends, and the change of the last time is reported", async () => {
  const motion = { everyMs: 50, holdMs: 100 };
  await using node = await online({ motion, reportEveryMs: 1000 });
  await node.camera.streams();
  let x = 0;
  let moves = false;
  // The camera's own clock: a frame every 20 ms.
  const timer = setInterval(() => {
    if (moves) x = (x + 16) % 64;
    node.camera.give(yuyvFrame(small, 100, { x, y: 0, width: 16, height: 24, luma: 220 }));
  }, 20);
  const told = (value: boolean, count: number) =>
    node.run.samples((sample) => sample.name === "camera/motion" && sample.value === value, { count });
  try {
    const [quiet] = await told(false, 1);
    assert.equal(quiet?.lane, "alarm");
    moves = true;
    await told(true, 1);
    moves = false;
    await told(false, 2);
    const [change] = await node.run.samples(
      ({ name, value }) => name === "camera/change" && Number(value) > 2,
    );
    assert.equal(change?.unit, "%");
    const [rate] = await node.run.samples(({ name }) => name === "camera/frame-rate");
    assert.ok(Number(rate?.value) > 0 && Number(rate?.value) < 60, String(rate?.value));
  } finally {
    clearInterval(timer);
  }
});

test("motion is seen in MJPEG as well, and what is no picture is told and passed over", async () => {
  await using node = await online({ motion: {} }, [mjpeg(64, 48)]);
  await node.camera.streams();
  node.camera.give(picture(50).fill(0, 2));
  await node.run.line(/no look for motion: the frame is no picture/);
  const timer = setInterval(() => node.camera.give(picture(50)), 50);
  try {
    await node.run.samples(({ name, value }) => name === "camera/motion" && value === false);
  } finally {
    clearInterval(timer);
  }
});

test("frames that were lost or damaged are counted", async () => {
  await using node = await online({ lingerMs: 60_000, reportEveryMs: 1000 });
  const first = node.run.command("camera/frame");
  await node.camera.streams();
  node.camera.give(yuyvFrame(small));
  await first;
  node.camera.give(yuyvFrame(small), { lost: 4 });
  node.camera.give(yuyvFrame(small).subarray(0, 100));
  node.camera.give(yuyvFrame(small), { damaged: true });
  const [dropped] = await node.run.samples(({ name, value }) => name === "camera/dropped" && value === 6);
  assert.equal(dropped?.unit, "count");
});

test("a frame of MJPEG that does not begin as a picture is damaged", async () => {
  await using node = await online({}, [mjpeg(64, 48)]);
  const asked = frameOf(node.run.command("camera/frame"));
  await node.camera.streams();
  node.camera.give(new Uint8Array(100));
  node.camera.give(picture(50));
  const { number, bytes } = await asked;
  assert.equal(number, 2);
  assert.equal(jpeg.decode(bytes).width, 64);
});

test("a camera that is unplugged is told, and one that is plugged in again is used", async () => {
  await using node = await online({ motion: { everyMs: 50 }, controls: { brightness: 12 } });
  await node.camera.streams();
  node.camera.give(yuyvFrame(small));
  await node.run.samples(({ name, value }) => name === "camera/motion" && value === false);
  node.source.unplug(node.camera);
  await node.goes(false);
  await node.run.line(/V4L2_GONE: \/dev\/video0 is gone/);
  const [blind] = await node.run.samples(
    ({ name, quality }) => name === "camera/motion" && quality === "bad",
  );
  assert.deepEqual([blind?.value, blind?.reason], [null, "/dev/video0 is gone"]);
  await assert.rejects(node.run.command("camera/frame"), { code: "V4L2_OFFLINE" });
  await assert.rejects(node.run.command("camera/controls"), { code: "V4L2_OFFLINE" });
  node.camera.controls[0] = brightness;
  node.source.plug(node.camera);
  await node.goes(true, 2);
  assert.equal(node.camera.controls[0]?.value, 12);
  // Motion holds the stream, so it runs again by itself.
  node.camera.give(yuyvFrame(small));
  await node.run.samples(({ name, value }) => name === "camera/motion" && value === false, { count: 2 });
});

test("a camera that is not there at first is waited for", async () => {
  const camera = new MemoryCamera([small]);
  const source = createMemorySource(camera);
  source.unplug(camera);
  await using run = startDriver(createDriver(source), quick);
  await run.line(/V4L2_NO_CAMERA: no camera "Memory": there is none at all/);
  source.plug(camera);
  await run.samples(({ name, value }) => name === "camera/online" && value === true);
});

test("a format or size that the camera does not have is told with those that it has", async () => {
  const run = (options: object) =>
    startDriver(createDriver(createMemorySource(new MemoryCamera([small]))), { ...quick, ...options });
  await using wrongFormat = run({ format: "NV12" });
  await wrongFormat.line(/V4L2_FORMAT: \/dev\/video0 has no NV12, but YUYV/);
  await using wrongSize = run({ width: 640, height: 480 });
  await wrongSize.line(/V4L2_SIZE: .* no size 640x480, the nearest is 64x48; it has 64x48/);
});

test("controls are set by the options and by command, and a wrong one costs no picture", async () => {
  await using node = await online({ controls: { brightness: 7, sharpness: 3 } });
  await node.run.line(/has no control sharpness/);
  const told = await node.run.command("camera/controls", { brightness: -5 });
  assert.deepEqual(told, { brightness: { value: -5, minimum: -64, maximum: 64, default: 0 } });
  await assert.rejects(node.run.command("camera/controls", { brightness: 65 }), { code: "V4L2_CONTROL" });
});

test("with motion the format that needs no decoding is taken, else MJPEG", async () => {
  const formats = [mjpeg(64, 48), small];
  await using plain = await online({}, formats);
  await plain.run.line(/MJPEG 64x48, 30 frames\/s/);
  await using watching = await online({ motion: {} }, formats);
  await watching.run.line(/YUYV 64x48/);
});

test("who waits when the plugin stops is refused, and the camera is let go", async () => {
  await using node = await online();
  const waiting = node.run.command("camera/frame");
  const refused = assert.rejects(waiting, { code: "STOPPED" });
  await node.camera.streams();
  await node.run.stop();
  await refused;
  assert.equal(node.camera.streaming, false);
});

test("discovery proposes a plugin for each camera, by a name that is its alone", async () => {
  const twins = [new MemoryCamera([mjpeg(640, 480), small]), new MemoryCamera([small], [], 1)];
  const log = { warn() {} } as never;
  const found = await Array.fromAsync(
    discoverCameras(createMemorySource(...twins), { signal: new AbortController().signal, log }),
  );
  assert.deepEqual(found, [
    {
      summary: "/dev/video0: Memory camera 0, MJPEG 640x480; YUYV 64x48",
      plugin: { name: "camera", options: { device: "Memory camera 0" } },
    },
    {
      summary: "/dev/video1: Memory camera 1, YUYV 64x48",
      plugin: { name: "camera-2", options: { device: "Memory camera 1" } },
    },
  ]);
});
