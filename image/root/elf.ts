/** The libraries that an ELF file is linked with: its DT_NEEDED entries (System V gABI, chapter 5, "Dynamic Section"). */

const dynamicSegment = 2;
const loadSegment = 1;
const tagNull = 0n;
const tagNeeded = 1n;
const tagStringTable = 5n;

/**
 * The names in `file`'s DT_NEEDED entries, in their order; empty for a file that is linked with nothing, and `undefined`
 * for one that is not a 64-bit little-endian ELF file.
 */
export function neededLibraries(file: Buffer): string[] | undefined {
  // "\x7fELF", ELFCLASS64, ELFDATA2LSB
  if (file.length < 64 || file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1) {
    return undefined;
  }
  const segments = programHeaders(file);
  const dynamic = segments.find(({ type }) => type === dynamicSegment);
  if (dynamic === undefined) {
    return [];
  }
  const nameOffsets: number[] = [];
  let stringTable = 0;
  for (let at = dynamic.offset; at + 16 <= dynamic.offset + dynamic.size; at += 16) {
    const tag = file.readBigInt64LE(at);
    const value = Number(file.readBigUInt64LE(at + 8));
    if (tag === tagNull) {
      break;
    }
    if (tag === tagNeeded) {
      nameOffsets.push(value);
    } else if (tag === tagStringTable) {
      stringTable = offsetOfAddress(segments, value);
    }
  }
  return nameOffsets.map((offset) => {
    const start = stringTable + offset;
    return file.toString("latin1", start, file.indexOf(0, start));
  });
}

interface Segment {
  type: number;
  offset: number;
  address: number;
  size: number;
}

function programHeaders(file: Buffer): Segment[] {
  const table = Number(file.readBigUInt64LE(32));
  const entrySize = file.readUInt16LE(54);
  const count = file.readUInt16LE(56);
  return Array.from({ length: count }, (_, index) => {
    const at = table + index * entrySize;
    return {
      type: file.readUInt32LE(at),
      offset: Number(file.readBigUInt64LE(at + 8)),
      address: Number(file.readBigUInt64LE(at + 16)),
      size: Number(file.readBigUInt64LE(at + 32)),
    };
  });
}

function offsetOfAddress(segments: Segment[], address: number): number {
  const holder = segments.find(
    (segment) =>
      segment.type === loadSegment && address >= segment.address && address < segment.address + segment.size,
  );
  return holder === undefined ? address : holder.offset + address - holder.address;
}
