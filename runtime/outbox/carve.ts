import { closeSync, existsSync, fstatSync, openSync, readSync } from "node:fs";
import { checksum, type FileRow, laneOfKind } from "./row.ts";
import { isPageSize, scanWal } from "./wal.ts";

/**
 * Reads rows out of a damaged outbox file, page by page, without SQLite.
 *
 * Format: https://www.sqlite.org/fileformat2.html sections 1.5 (free list), 1.6 (b-tree pages), 2.1 (records).
 * Each table leaf page is taken on its own, so that a damaged page costs only the rows on it, and a damaged
 * interior page none. Pages on the free list are left out: what was there is erased. A row counts only when
 * its CRC-32 is right, so nothing made up gets through. The newest content of each page is the log's.
 */
export function* carveRows(path: string): Generator<FileRow> {
  if (!existsSync(path)) return;
  const file = new Pages(path);
  try {
    const free = freePages(file);
    for (let number = 1; number <= file.count; number++) {
      if (free.has(number)) continue;
      const page = file.page(number);
      if (page) yield* leafRows(file, page, number === 1 ? 100 : 0);
    }
  } finally {
    file.close();
  }
}

const leafTable = 0x0d;

/** The file's pages with the log's laid over them. */
class Pages {
  readonly size: number;
  readonly usable: number;
  readonly count: number;
  readonly #db: number;
  readonly #wal: number | undefined;
  readonly #walPages: ReadonlyMap<number, number>;

  constructor(path: string) {
    this.#db = openSync(path, "r");
    const wal = scanWal(`${path}-wal`);
    this.#wal = wal ? openSync(`${path}-wal`, "r") : undefined;
    const header = Buffer.alloc(100);
    readSync(this.#db, header, 0, 100, 0);
    const stored = header.readUInt16BE(16) === 1 ? 65536 : header.readUInt16BE(16);
    this.size = wal?.pageSize ?? (isPageSize(stored) ? stored : 4096);
    this.usable = this.size;
    const inFile = Math.ceil(fstatSync(this.#db).size / this.size);
    // Each frame makes the file longer by one page at most: a higher number is a damaged one.
    const most = inFile + (wal?.pages.size ?? 0);
    this.#walPages = new Map([...(wal?.pages ?? [])].filter(([page]) => page <= most));
    this.count = Math.max(inFile, ...this.#walPages.keys());
  }

  page(number: number): Buffer | undefined {
    const inWal = this.#walPages.get(number);
    const buffer = Buffer.alloc(this.size);
    try {
      const got =
        inWal !== undefined && this.#wal !== undefined
          ? readSync(this.#wal, buffer, 0, this.size, inWal)
          : readSync(this.#db, buffer, 0, this.size, (number - 1) * this.size);
      return got > 0 ? buffer : undefined;
    } catch {
      return undefined; // an unreadable sector costs this page only
    }
  }

  close(): void {
    closeSync(this.#db);
    if (this.#wal !== undefined) closeSync(this.#wal);
  }
}

function freePages(file: Pages): Set<number> {
  const free = new Set<number>();
  let trunk = file.page(1)?.readUInt32BE(32) ?? 0;
  while (trunk > 0 && trunk <= file.count && !free.has(trunk)) {
    free.add(trunk);
    const page = file.page(trunk);
    if (!page) break;
    const leaves = page.readUInt32BE(4);
    if (leaves > file.usable / 4 - 2) break;
    for (let i = 0; i < leaves; i++) free.add(page.readUInt32BE(8 + 4 * i));
    trunk = page.readUInt32BE(0);
  }
  return free;
}

function* leafRows(file: Pages, page: Buffer, offset: number): Generator<FileRow> {
  if (page[offset] !== leafTable) return;
  const cells = page.readUInt16BE(offset + 3);
  if (offset + 8 + 2 * cells > file.usable) return;
  for (let i = 0; i < cells; i++) {
    const row = cellRow(file, page, page.readUInt16BE(offset + 8 + 2 * i));
    if (row) yield row;
  }
}

function cellRow(file: Pages, page: Buffer, at: number): FileRow | undefined {
  try {
    const size = varint(page, at);
    const rowid = varint(page, size.next);
    const payload = cellPayload(file, page, rowid.next, size.value);
    return payload && decodeRow(payload, rowid.value);
  } catch {
    return undefined; // a pointer beyond the page: damaged
  }
}

/** Section 1.6: what does not fit on the page goes on a chain of overflow pages. */
function cellPayload(file: Pages, page: Buffer, at: number, size: number): Buffer | undefined {
  const { usable } = file;
  if (size > file.count * usable) return undefined;
  const most = usable - 35;
  if (size <= most) return at + size <= page.length ? page.subarray(at, at + size) : undefined;
  const least = Math.floor(((usable - 12) * 32) / 255) - 23;
  const fitting = least + ((size - least) % (usable - 4));
  const local = fitting <= most ? fitting : least;
  const parts = [page.subarray(at, at + local)];
  let left = size - local;
  let next = page.readUInt32BE(at + local);
  while (left > 0) {
    if (next === 0 || next > file.count) return undefined;
    const overflow = file.page(next);
    if (!overflow) return undefined;
    parts.push(overflow.subarray(4, 4 + Math.min(left, usable - 4)));
    left -= usable - 4;
    next = overflow.readUInt32BE(0);
  }
  return Buffer.concat(parts);
}

/** The record format of section 2.1, for the nine columns of a lane's table. */
function decodeRow(payload: Buffer, id: number): FileRow | undefined {
  const headerSize = varint(payload, 0);
  const values: (number | Uint8Array | null)[] = [];
  let type = headerSize.next;
  let at = headerSize.value;
  while (type < headerSize.value) {
    const serial = varint(payload, type);
    type = serial.next;
    const value = columnValue(payload, at, serial.value);
    values.push(value.value);
    at += value.size;
  }
  const [, chain, row, epoch, time, samples, kind, crc, records] = values;
  if (!(records instanceof Uint8Array) || at > payload.length) return undefined;
  const numbers = [chain, row, epoch, time, samples, kind, crc];
  if (!numbers.every((n) => typeof n === "number")) return undefined;
  const [c = 0, r = 0, e = 0, t = 0, s = 0, k = 0, sum = 0] = numbers as number[];
  const found: FileRow = { id, chain: c, row: r, epoch: e, time: t, samples: s, kind: k, crc: sum, records };
  return laneOfKind(k) !== undefined && checksum(found) === sum ? found : undefined;
}

function columnValue(
  bytes: Buffer,
  at: number,
  serial: number,
): { value: number | Uint8Array | null; size: number } {
  switch (serial) {
    case 0:
      return { value: null, size: 0 };
    case 1:
    case 2:
    case 3:
    case 4:
      return { value: bytes.readIntBE(at, serial), size: serial };
    case 5:
      return { value: bytes.readIntBE(at, 6), size: 6 };
    case 6:
      return { value: Number(bytes.readBigInt64BE(at)), size: 8 };
    case 7:
      return { value: bytes.readDoubleBE(at), size: 8 };
    case 8:
    case 9:
      return { value: serial - 8, size: 0 };
    default: {
      const size = serial >= 12 ? (serial - (serial % 2 === 0 ? 12 : 13)) / 2 : 0;
      return { value: new Uint8Array(bytes.subarray(at, at + size)), size };
    }
  }
}

/** Section 1.6: up to nine bytes, seven bits each, the ninth whole. Values beyond 2^53 are not ours. */
function varint(bytes: Buffer, at: number): { value: number; next: number } {
  let value = 0;
  for (let i = 0; i < 8; i++) {
    const byte = bytes.readUInt8(at + i);
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) return { value, next: at + i + 1 };
  }
  return { value: value * 256 + bytes.readUInt8(at + 8), next: at + 9 };
}
