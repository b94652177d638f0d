/**
 * What our own code takes of the processor for a camera.
 *
 *     node bench/v4l2.ts [--json] [--seconds N]
 *
 * Method. The driver runs on a camera in memory that gives 30 frames of 640 × 480 YUYV a second, so the kernel's part
 * (USB, two calls a frame) is not in the figures. Three cases in turn, each for N seconds: nothing but the stream, motion
 * on (5 frames a second are compared), and motion on with an application that pulls each frame. Told is the processor
 * time of this process in percent of a core, and for each frame; the camera's own part, which copies each frame into
 * its buffer as the kernel does, is measured by itself and taken off.
 */
import { parseArgs } from "node:util";
import { createDriver } from "../drivers/v4l2/driver.ts";
import { unpackFrame } from "../drivers/v4l2/frame-trailer.ts";
import { createMemorySource, MemoryCamera } from "../drivers/v4l2/memory-source.ts";
import { yuyv, yuyvFrame } from "../drivers/v4l2/test-frames.ts";
import { type DriverRun, startDriver } from "../runtime/plugin/testkit.ts";

const framesPerSecond = 30;
const format = yuyv(640, 480);
const { values } = parseArgs({
  options: { json: { type: "boolean", default: false }, seconds: { type: "string", default: "10" } },
});
const seconds = Number(values.seconds);

interface Case {
  name: string;
  motion: boolean;
  pull: boolean;
}

const cases: readonly Case[] = [
  { name: "stream", motion: false, pull: false },
  { name: "motion", motion: true, pull: false },
  { name: "motion, an application", motion: true, pull: true },
];

/** Two pictures in turn, so that there is something to see. */
const pictures = [0, 320].map((x) => yuyvFrame(format, 100, { x, y: 0, width: 160, height: 240, luma: 200 }));

/** Calls `give` at the camera's rate; resolves with the processor time of all that, in ms for each frame. */
async function measure(give: (frame: Uint8Array) => void): Promise<{ frames: number; cpuMs: number }> {
  const total = Math.round(seconds * framesPerSecond);
  const { promise, resolve } = Promise.withResolvers<void>();
  const before = process.cpuUsage();
  let frames = 0;
  const timer = setInterval(() => {
    give(pictures[frames % 2]!);
    if (++frames === total) resolve();
  }, 1000 / framesPerSecond);
  await promise;
  clearInterval(timer);
  const { user, system } = process.cpuUsage(before);
  return { frames, cpuMs: (user + system) / 1000 / frames };
}

async function pullFrames(run: DriverRun, stop: AbortSignal): Promise<number> {
  let count = 0;
  for (let after = 0; !stop.aborted; count++) {
    const reply = await run.command("camera/frame", { after }).catch(() => undefined);
    if (!reply) break;
    after = unpackFrame(reply as Uint8Array).number;
  }
  return count;
}

async function measureCase({ motion, pull }: Case): Promise<{ cpuMs: number; pulled: number }> {
  const camera = new MemoryCamera([format]);
  const options = { device: camera.path, warmUpMs: 0, lingerMs: 3_600_000, ...(motion && { motion: {} }) };
  const run = startDriver(createDriver(createMemorySource(camera)), options);
  await run.samples(({ name }) => name === "camera/online");
  const first = run.command("camera/frame");
  await camera.streams();
  camera.give(pictures[0]!);
  await first;
  const stop = new AbortController();
  const pulling = pull ? pullFrames(run, stop.signal) : Promise.resolve(0);
  const { cpuMs } = await measure((frame) => camera.give(frame));
  stop.abort();
  await run.stop();
  return { cpuMs, pulled: await pulling };
}

// The camera's copy, and the timer; each once to warm up.
const buffer = new Uint8Array(pictures[0]!.length);
await measure((frame) => buffer.set(frame));
const base = await measure((frame) => buffer.set(frame));
await measureCase(cases[1]!);
const rows = [];
for (const one of cases) {
  const { cpuMs, pulled } = await measureCase(one);
  const ownMs = Math.max(0, cpuMs - base.cpuMs);
  rows.push({
    case: one.name,
    usPerFrame: Math.round(1000 * ownMs),
    corePercent: (ownMs * framesPerSecond) / 10,
    pulled,
  });
}
if (values.json) {
  process.stdout.write(`${JSON.stringify({ framesPerSecond, cameraMsPerFrame: base.cpuMs, rows })}\n`);
} else {
  process.stdout.write(`the camera itself: ${Math.round(1000 * base.cpuMs)} µs a frame, taken off\n`);
  for (const { case: name, usPerFrame, corePercent, pulled } of rows) {
    const note = pulled > 0 ? `, ${pulled} frames pulled` : "";
    process.stdout.write(`${name}: ${usPerFrame} µs a frame, ${corePercent.toFixed(2)} % of a core${note}\n`);
  }
}
