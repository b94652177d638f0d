/**
 * Motion as the difference of two pictures.
 *
 * 1. A cell has changed when its brightness differs from that of the picture before by more than `cellDelta`, after
 *    the mean difference of all cells was taken off: the sun behind a cloud is no motion, nor is a lamp.
 * 2. There is motion as soon as at least `thresholdPercent` of the cells have changed.
 * 3. It ends when for `holdMs` less than half of that have changed. So what hovers around the threshold, or stands still
 *    for a moment, is one motion.
 */
export interface MotionSettings {
  /** Steps of brightness, of 255. */
  cellDelta: number;
  thresholdPercent: number;
  holdMs: number;
}

export interface MotionReading {
  motion: boolean;
  /** Share of the cells that have changed; 0 for the first picture. */
  changePercent: number;
}

export interface MotionDetector {
  /** @param nowMs a clock that never steps */
  take(grid: Uint8Array, nowMs: number): MotionReading;
  /** Forgets the last picture: the next one is the first. Motion goes on until its hold time is over. */
  restart(): void;
}

export function createMotionDetector({
  cellDelta,
  thresholdPercent,
  holdMs,
}: MotionSettings): MotionDetector {
  let last: Uint8Array | undefined;
  let motion = false;
  let quietSinceMs: number | undefined;

  return {
    take(grid, nowMs) {
      const changePercent = last ? changed(last, grid, cellDelta) : 0;
      last ??= new Uint8Array(grid.length);
      last.set(grid);
      if (changePercent >= thresholdPercent) motion = true;
      if (changePercent >= thresholdPercent / 2) quietSinceMs = undefined;
      else quietSinceMs ??= nowMs;
      if (quietSinceMs !== undefined && nowMs - quietSinceMs >= holdMs) motion = false;
      return { motion, changePercent };
    },
    restart() {
      last = undefined;
      quietSinceMs = undefined;
    },
  };
}

function changed(before: Uint8Array, after: Uint8Array, cellDelta: number): number {
  let sum = 0;
  for (let cell = 0; cell < after.length; cell++) sum += after[cell]! - before[cell]!;
  const mean = sum / after.length;
  let count = 0;
  for (let cell = 0; cell < after.length; cell++) {
    if (Math.abs(after[cell]! - before[cell]! - mean) > cellDelta) count++;
  }
  return (100 * count) / after.length;
}
