/**
 * Cuts bytes into chunks where their content says so, so that what is inserted or removed moves only the cuts near it.
 *
 * A cut lies where a rolling hash of the last 32 bytes (gear: shift left, add a random number for each byte) has enough
 * zeros at its top. Before the average length more zeros are asked for than behind it, which keeps the lengths together
 * (Xia et al., FastCDC, USENIX ATC 2016). No chunk but the last is shorter than `minBytes`, none is longer than `maxBytes`.
 *
 * The numbers and sizes are a format: a node finds in its slots what the hub has cut only with the same ones. Who changes
 * them gives the index another number (index-format.ts).
 */

export interface ChunkSizes {
  readonly minBytes: number;
  /** A power of two. */
  readonly averageBytes: number;
  readonly maxBytes: number;
}

/** Why these, says decision 11. */
export const chunkSizes: ChunkSizes = { minBytes: 2048, averageBytes: 8192, maxBytes: 32_768 };
/** Of an index. */
export const indexSizes: ChunkSizes = { minBytes: 512, averageBytes: 2048, maxBytes: 8192 };

/** How far the two masks are from the average's, in bits. */
const normalisation = 2;

export type FindCut = (bytes: Uint8Array, start: number, end: number) => number;

/**
 * The length of the chunk that begins at `start`; `end` is at least `maxBytes` behind it, or else the end of all. It is
 * a function of the bytes alone.
 */
export function createCutter(sizes: ChunkSizes = chunkSizes): FindCut {
  const gear = gearTable();
  const bits = Math.log2(sizes.averageBytes);
  if (!Number.isInteger(bits)) throw new RangeError(`${sizes.averageBytes} is no power of two`);
  const strict = topBits(bits + normalisation);
  const loose = topBits(bits - normalisation);
  return (bytes, start, end) => {
    const last = Math.min(end, start + sizes.maxBytes);
    const middle = Math.min(last, start + sizes.averageBytes);
    let at = start + sizes.minBytes;
    if (at >= last) return last - start;
    let hash = 0;
    for (; at < middle; at++) {
      hash = ((hash << 1) + gear[bytes[at]!]!) | 0;
      if ((hash & strict) === 0) return at + 1 - start;
    }
    for (; at < last; at++) {
      hash = ((hash << 1) + gear[bytes[at]!]!) | 0;
      if ((hash & loose) === 0) return at + 1 - start;
    }
    return last - start;
  };
}

function topBits(count: number): number {
  return (-1 << (32 - count)) | 0;
}

/** 256 numbers of 32 bits, by splitmix32 from 1. */
function gearTable(): Int32Array {
  const table = new Int32Array(256);
  let state = 1;
  for (let i = 0; i < table.length; i++) {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    table[i] = mixed ^ (mixed >>> 15);
  }
  return table;
}
