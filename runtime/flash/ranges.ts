/** Bytes of an image that hold something, from `start` up to `end`, in bytes. */
export interface MappedRange {
  start: number;
  end: number;
  /** Of these bytes, in lower-case hexadecimal digits. */
  sha256: string;
}

export interface Overlap {
  range: MappedRange;
  /** In bytes of the image. */
  start: number;
  end: number;
}

/**
 * Cuts pieces of an image that come one after the other into what lies in each range. `ranges` ascend; so must the
 * pieces that are asked for.
 */
export function createCutter(ranges: readonly MappedRange[]): (start: number, end: number) => Overlap[] {
  let next = 0;
  return (start, end) => {
    const overlaps: Overlap[] = [];
    for (let i = next; i < ranges.length; i++) {
      const range = ranges[i]!;
      if (range.start >= end) break;
      if (range.end <= end) next = i + 1;
      if (range.end > start)
        overlaps.push({ range, start: Math.max(start, range.start), end: Math.min(end, range.end) });
    }
    return overlaps;
  };
}

const zeros = Buffer.alloc(65_536);

/** The runs of `bytes` that are not only zeros, in whole blocks of `blockBytes` (a divisor of 64 KiB). */
export function nonZeroRuns(bytes: Uint8Array, blockBytes = 4096): { start: number; end: number }[] {
  const runs: { start: number; end: number }[] = [];
  for (let start = 0; start < bytes.length; start += blockBytes) {
    const block = bytes.subarray(start, start + blockBytes);
    if (zeros.compare(block, 0, block.length, 0, block.length) === 0) continue;
    const last = runs.at(-1);
    const end = start + block.length;
    if (last?.end === start) last.end = end;
    else runs.push({ start, end });
  }
  return runs;
}
