import assert from "node:assert/strict";
import { test } from "node:test";
import { createSampler, gridCells, gridColumns } from "./luma-grid.ts";
import { createMotionDetector } from "./motion.ts";
import { nv12, yuyv, yuyvFrame } from "./test-frames.ts";

const settings = { cellDelta: 12, thresholdPercent: 2, holdMs: 1000 };
const grey = (luma: number): Uint8Array => new Uint8Array(gridCells).fill(luma);
/** The first `cells` of a grey grid are brighter. */
function spot(cells: number, luma = 100): Uint8Array {
  return grey(luma).fill(luma + 80, 0, cells);
}

test("a cell is the mean of its part of the frame, wherever lines begin", () => {
  for (const padding of [0, 32]) {
    const format = yuyv(320, 240, { bytesPerLine: 640 + padding });
    const sample = createSampler({ ...format, bytesPerPixel: 2 });
    // 320 × 240 in 32 × 24 cells: each is 10 × 10 pixels.
    const grid = sample(yuyvFrame(format, 50, { x: 10, y: 20, width: 10, height: 10, luma: 200 }));
    assert.equal(grid[2 * gridColumns + 1], 200);
    assert.equal(grid.filter((luma) => luma === 50).length, gridCells - 1);
  }
});

test("brightness of NV12 and RGB is read where it stands", () => {
  const planar = nv12(64, 48);
  const frame = new Uint8Array(64 * 72).fill(128).fill(77, 0, 64 * 48);
  assert.deepEqual(createSampler({ ...planar, bytesPerPixel: 1 })(frame), grey(77));
  const rgb = createSampler({ width: 64, height: 48, bytesPerLine: 192, bytesPerPixel: 3 });
  assert.deepEqual(rgb(new Uint8Array(192 * 48).fill(77)), grey(77));
});

test("something that moves is motion at once, and over after the hold time", () => {
  const detector = createMotionDetector(settings);
  assert.deepEqual(detector.take(grey(100), 0), { motion: false, changePercent: 0 });
  const seen = detector.take(spot(16), 100);
  assert.deepEqual(seen, { motion: true, changePercent: (100 * 16) / gridCells });
  assert.equal(detector.take(spot(16), 200).motion, true);
  assert.equal(detector.take(spot(16), 1100).motion, true);
  assert.equal(detector.take(spot(16), 1200).motion, false);
});

test("less than the threshold begins no motion, and half of it keeps one going", () => {
  const detector = createMotionDetector(settings);
  const below = Math.floor(gridCells * 0.015);
  detector.take(grey(100), 0);
  for (let ms = 100; ms < 1000; ms += 100) {
    assert.equal(detector.take(ms % 200 ? spot(below) : grey(100), ms).motion, false);
  }
  assert.equal(detector.take(spot(100), 1000).motion, true);
  for (let ms = 1100; ms < 5000; ms += 100) {
    assert.equal(detector.take(ms % 200 ? spot(below) : grey(100), ms).motion, true);
  }
});

test("light that changes alike everywhere, and noise, are no motion", () => {
  const detector = createMotionDetector(settings);
  detector.take(grey(60), 0);
  assert.equal(detector.take(grey(180), 100).changePercent, 0);
  const noisy = grey(180).map((luma, cell) => luma + (cell % 3) * 5);
  assert.equal(detector.take(noisy, 200).motion, false);
});

test("the first picture after a restart is compared with nothing", () => {
  const detector = createMotionDetector(settings);
  detector.take(grey(100), 0);
  detector.restart();
  assert.deepEqual(detector.take(spot(400), 100), { motion: false, changePercent: 0 });
});
