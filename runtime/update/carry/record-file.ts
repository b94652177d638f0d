/**
 * What a fetch has done that would be slow to find out again: `<sha256>.record`, beside the part.
 *
 * It says which chunks are in the part, and how far each slot was searched. So a start after a cut reads 4 MiB of the part
 * and samples of the slots, and searches these on from where it was.
 *
 * What it promises:
 * 1. **What it says was on the disk before it was.** The part is synced first (part-file.ts); then it is written, synced, and
 *    takes the place of the one before by a rename. After a cut of the power it may be the one before, which is as true.
 * 2. **Whether the bundle is right does not depend on it.** What is taken from a slot is what its name says, whatever the
 *    slot was before. The whole bundle's checksum is looked at in the end: if it is another, the record is removed, all of
 *    the part is read and hashed, and what is missing is fetched. So a record that is wrong costs one more pass, or comes
 *    by the link what could have been taken from a slot.
 * 3. **One that is torn, of other chunks, or of a part that is gone counts as none**: then all is read anew.
 *
 * A slot is known again by its samples (samples.ts) as far as it was searched. Another system moves nearly every byte; a
 * change between two samples is not seen, and costs what promise 2 says.
 *
 * Format: the name that the rest would have as a chunk (chunk.ts), a line feed, and JSON: `format`; `of`, the name of all
 * chunks' names; `chunks`, a bit for each chunk of the index, in base64 (bits.ts); `slots`, for each its `path`, `bytes` (all
 * that was wanted before was taken; a chunk begins there) and `samples`.
 */
import { readFile, rename, rm } from "node:fs/promises";
import { writeSynced } from "../../durable-file.ts";
import { chunkName } from "../../ota/chunk.ts";
import type { BundleIndex } from "../../ota/index-format.ts";
import { Bits } from "./bits.ts";

export interface Searched {
  /** All that was wanted before was taken; a chunk begins there. */
  readonly bytes: number;
  /** Of what lies before, in hexadecimal. */
  readonly samples: string;
}

interface Body {
  format: number;
  of: string;
  chunks: string;
  slots: (Searched & { path: string })[];
}

const format = 1;
const lineFeed = 10;

export class RecordFile {
  readonly #path: string;
  readonly #of: string;
  readonly #count: number;
  #chunks: Bits | undefined;
  /** By the slots' paths. What is set here is in the next {@link encode}. */
  readonly searched = new Map<string, Searched>();

  private constructor(path: string, { chunks }: BundleIndex) {
    this.#path = path;
    this.#of = chunkName(Buffer.from(chunks.map(({ name }) => name).join("")));
    this.#count = chunks.length;
  }

  static async open(path: string, index: BundleIndex): Promise<RecordFile> {
    const record = new RecordFile(path, index);
    const body = await readFile(path).then(parse, () => undefined);
    if (body?.format !== format || body.of !== record.#of) return record;
    record.#chunks = new Bits(record.#count, Buffer.from(body.chunks, "base64"));
    for (const { path: slot, ...searched } of body.slots) record.searched.set(slot, searched);
    return record;
  }

  /** Those that were in the part when it was read; `undefined` when there is no record. */
  get chunks(): Bits | undefined {
    return this.#chunks;
  }

  /** To be given to {@link write} when what it says is on the disk. */
  encode(chunks: Bits): Buffer {
    const slots = [...this.searched].map(([path, searched]) => ({ path, ...searched }));
    const body: Body = { format, of: this.#of, chunks: chunks.bytes.toString("base64"), slots };
    const json = Buffer.from(JSON.stringify(body));
    return Buffer.concat([Buffer.from(`${chunkName(json)}\n`), json]);
  }

  /** One at a time. */
  async write(encoded: Uint8Array): Promise<void> {
    const draft = `${this.#path}.new`;
    await writeSynced(draft, encoded);
    // The folder need not be synced: the record before is as true.
    await rename(draft, this.#path);
  }

  /** Nothing of it is believed any more. */
  async forget(): Promise<void> {
    this.#chunks = undefined;
    this.searched.clear();
    await rm(this.#path, { force: true });
  }
}

function parse(bytes: Buffer): Body | undefined {
  const line = bytes.indexOf(lineFeed);
  const json = bytes.subarray(line + 1);
  if (line < 0 || bytes.toString("latin1", 0, line) !== chunkName(json)) return undefined;
  return JSON.parse(json.toString("utf8")) as Body;
}
