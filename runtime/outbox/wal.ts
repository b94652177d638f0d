import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/**
 * SQLite's write-ahead log, read without SQLite (https://www.sqlite.org/fileformat2.html section 4).
 *
 * Why: at the first frame whose checksum is wrong SQLite takes the log for ended, and silently forgets all
 * commits behind it. After a power cut that is right, as these were never acknowledged; after a flipped bit
 * it loses acknowledged rows. The two differ: a torn tail has no frame of the same salt behind it, or only
 * such as belong to a transaction that never committed.
 */
export interface WalScan {
  pageSize: number;
  /** Where each page's newest content lies in the log, damaged frames left out, uncommitted ones included. */
  pages: Map<number, number>;
  /** Whether a committed transaction lies behind a frame with a wrong checksum. */
  damaged: boolean;
}

const headerSize = 32;
const frameHeaderSize = 24;

/** Scans the log at `path`; `undefined` when there is none, or it is empty. */
export function scanWal(path: string): WalScan | undefined {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch {
    return undefined;
  }
  try {
    return scan(fd, fstatSync(fd).size);
  } finally {
    closeSync(fd);
  }
}

function scan(fd: number, size: number): WalScan | undefined {
  if (size < headerSize) return undefined;
  const header = Buffer.alloc(headerSize);
  readSync(fd, header, 0, headerSize, 0);
  const magic = header.readUInt32BE(0);
  const pageSize = header.readUInt32BE(8);
  const headerWell = (magic & 0xfffffffe) === 0x377f0682 && isPageSize(pageSize);
  const sums = new Checksum((magic & 1) === 1);
  sums.add(header.subarray(0, 24));
  const headerTrue = headerWell && sums.a === header.readUInt32BE(24) && sums.b === header.readUInt32BE(28);
  const frameSize = frameHeaderSize + (headerWell ? pageSize : 4096);
  const frame = Buffer.alloc(frameSize);
  const pages = new Map<number, number>();
  // A log with a broken header, but with frames in it, has lost whatever was committed there.
  let broken = !headerTrue;
  let damaged = false;
  let salt: Buffer | undefined;
  for (let at = headerSize; at + frameSize <= size; at += frameSize) {
    readSync(fd, frame, 0, frameSize, at);
    // With a damaged header the first frame says which salt this log has.
    salt ??= Buffer.from(headerTrue ? header.subarray(16, 24) : frame.subarray(8, 16));
    if (frame.compare(salt, 0, 8, 8, 16) !== 0) {
      // Left over from before the log was last reset, or a damaged frame: then others of this log follow.
      broken = true;
      continue;
    }
    const page = frame.readUInt32BE(0);
    if (page === 0) continue;
    if (!broken) {
      sums.add(frame.subarray(0, 8));
      sums.add(frame.subarray(frameHeaderSize));
      broken = sums.a !== frame.readUInt32BE(16) || sums.b !== frame.readUInt32BE(20);
    }
    const committed = frame.readUInt32BE(4) !== 0;
    if (broken && committed) damaged = true;
    pages.set(page, at + frameHeaderSize);
  }
  return { pageSize: headerWell ? pageSize : 4096, pages, damaged };
}

/**
 * Whether the file at `path` says that it may be written (section 1.3.3: bytes 18 and 19 are 1 or 2). SQLite
 * opens another one too, but only for reading, as if the disk were write-protected.
 */
export function isWritableFormat(path: string): boolean {
  const versions = Buffer.alloc(2);
  const fd = openSync(path, "r");
  try {
    readSync(fd, versions, 0, 2, 18);
  } finally {
    closeSync(fd);
  }
  return versions.every((version) => version === 1 || version === 2);
}

export function isPageSize(size: number): boolean {
  return size >= 512 && size <= 65536 && (size & (size - 1)) === 0;
}

/** Section 4.2: two 32-bit sums over pairs of words, in the byte order that the magic number names. */
class Checksum {
  a = 0;
  b = 0;
  readonly #bigEndian: boolean;

  constructor(bigEndian: boolean) {
    this.#bigEndian = bigEndian;
  }

  add(bytes: Buffer): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const little = !this.#bigEndian;
    let { a, b } = this;
    for (let i = 0; i < bytes.length; i += 8) {
      a = (a + view.getUint32(i, little) + b) >>> 0;
      b = (b + view.getUint32(i + 4, little) + a) >>> 0;
    }
    this.a = a;
    this.b = b;
  }
}
