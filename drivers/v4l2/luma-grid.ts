/**
 * A frame as 32 × 24 cells of brightness: little enough to compare often, and noise of single pixels is averaged away.
 *
 * A cell is the mean of 4 × 4 points that are spread over it. The points are worked out once for a format, so that a
 * frame costs 12,288 reads, whatever its size; they are read where the camera has put the frame.
 */
export const gridColumns = 32;
export const gridRows = 24;
export const gridCells = gridColumns * gridRows;
const pointsAcross = 4;
const pointsOfCell = pointsAcross ** 2;

/** Where a pixel's brightness stands: at `line * bytesPerLine + column * bytesPerPixel`. */
export interface PixelLayout {
  width: number;
  height: number;
  bytesPerLine: number;
  /** 2 with YUYV, 1 with NV12 and grey, 3 with RGB. */
  bytesPerPixel: 1 | 2 | 3;
}

/** Means of the cells, 0 to 255, line by line; good until the next call. */
export type Sampler = (bytes: Uint8Array) => Uint8Array;

export function createSampler(layout: PixelLayout): Sampler {
  const offsets = pointOffsets(layout);
  const grid = new Uint8Array(gridCells);
  const rgb = layout.bytesPerPixel === 3;
  return (bytes) => {
    for (let cell = 0, point = 0; cell < gridCells; cell++) {
      let sum = 0;
      for (const end = point + pointsOfCell; point < end; point++) {
        const at = offsets[point]!;
        // Brightness of RGB by ITU-R BT.601, in 1/256.
        sum += rgb ? (77 * bytes[at]! + 150 * bytes[at + 1]! + 29 * bytes[at + 2]!) >> 8 : bytes[at]!;
      }
      grid[cell] = sum / pointsOfCell;
    }
    return grid;
  };
}

function pointOffsets({ width, height, bytesPerLine, bytesPerPixel }: PixelLayout): Uint32Array {
  const offsets = new Uint32Array(gridCells * pointsOfCell);
  let next = 0;
  for (let row = 0; row < gridRows; row++) {
    for (let column = 0; column < gridColumns; column++) {
      for (let point = 0; point < pointsOfCell; point++) {
        const x = place(column, point % pointsAcross, gridColumns, width);
        const y = place(row, Math.floor(point / pointsAcross), gridRows, height);
        offsets[next++] = y * bytesPerLine + x * bytesPerPixel;
      }
    }
  }
  return offsets;
}

/** In the middle of the point's share of its cell. */
function place(cell: number, point: number, cells: number, pixels: number): number {
  return Math.floor(((cell * pointsAcross + point + 0.5) * pixels) / (cells * pointsAcross));
}
