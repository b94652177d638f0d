/** Directory entries of FAT ("FAT32 File System Specification" 1.03, Microsoft 2000, section "FAT Directory Structure"). */

export const entryBytes = 32;
const deleted = 0xe5;
const longName = 0x0f;
const volumeLabel = 0x08;
const directory = 0x10;
/** In byte 12, what Windows NT and Linux use for a short name in lower case. */
const lowerBase = 0x08;
const lowerExtension = 0x10;

export interface Entry {
  name: string;
  isDirectory: boolean;
  cluster: number;
  bytes: number;
  /** Place of the 32 bytes with the short name, in the directory. */
  at: number;
  /** Place of the first entry of its long name; the same as `at` where there is none. */
  from: number;
}

export function parseEntries(data: Buffer): Entry[] {
  const entries: Entry[] = [];
  let long = "";
  let from = -1;
  for (let at = 0; at + entryBytes <= data.length; at += entryBytes) {
    const raw = data.subarray(at, at + entryBytes);
    const first = raw.readUInt8(0);
    if (first === 0) break;
    const attributes = raw.readUInt8(11);
    if (first !== deleted && (attributes & 0x3f) === longName) {
      if (from < 0) from = at;
      long = longPart(raw) + long;
      continue;
    }
    if (first !== deleted && (attributes & volumeLabel) === 0) {
      entries.push({
        name: long === "" ? shortName(raw) : long,
        isDirectory: (attributes & directory) !== 0,
        cluster: raw.readUInt16LE(26) | (raw.readUInt16LE(20) << 16),
        bytes: raw.readUInt32LE(28),
        at,
        from: from < 0 ? at : from,
      });
    }
    long = "";
    from = -1;
  }
  return entries;
}

/** The place of the first entry that is free; -1 when the directory is full. */
export function freeEntry(data: Buffer): number {
  for (let at = 0; at + entryBytes <= data.length; at += entryBytes) {
    const first = data.readUInt8(at);
    if (first === 0 || first === deleted) return at;
  }
  return -1;
}

/** A new file's entry; `undefined` when the name does not fit into eight and three characters of one case each. */
export function newEntry(name: string): Buffer | undefined {
  const match = /^([a-z0-9_-]{1,8}|[A-Z0-9_-]{1,8})(?:\.([a-z0-9_-]{1,3}|[A-Z0-9_-]{1,3}))?$/.exec(name);
  if (!match) return undefined;
  const [, base = "", extension = ""] = match;
  const raw = Buffer.alloc(entryBytes);
  raw.write(base.toUpperCase().padEnd(8) + extension.toUpperCase().padEnd(3), 0, "latin1");
  raw.writeUInt8(0x20, 11);
  const lower = (text: string, flag: number) => (text === text.toUpperCase() ? 0 : flag);
  raw.writeUInt8(lower(base, lowerBase) | lower(extension, lowerExtension), 12);
  return raw;
}

export function setContent(raw: Buffer, cluster: number, bytes: number): void {
  raw.writeUInt16LE(cluster & 0xffff, 26);
  raw.writeUInt16LE(cluster >>> 16, 20);
  raw.writeUInt32LE(bytes, 28);
}

export function markDeleted(raw: Buffer): void {
  raw.writeUInt8(deleted, 0);
}

function longPart(raw: Buffer): string {
  const text = [raw.subarray(1, 11), raw.subarray(14, 26), raw.subarray(28, 32)]
    .map((part) => part.toString("utf16le"))
    .join("");
  const end = text.indexOf("\0");
  return end < 0 ? text : text.slice(0, end);
}

function shortName(raw: Buffer): string {
  const flags = raw.readUInt8(12);
  const base = raw.toString("latin1", 0, 8).trimEnd();
  const extension = raw.toString("latin1", 8, 11).trimEnd();
  const cased = (text: string, flag: number) => (flags & flag ? text.toLowerCase() : text);
  return extension === ""
    ? cased(base, lowerBase)
    : `${cased(base, lowerBase)}.${cased(extension, lowerExtension)}`;
}
