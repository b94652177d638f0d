/**
 * The file `umec.json` on a card's boot partition: 64 KiB that are there from the beginning, filled up with blanks, so
 * that whoever writes into it changes no other sector of the file system and needs to know nothing about allocation.
 *
 * Once its content is taken over it says only `{"commissioned":"<node>"}`: its secrets must not stay on a partition that
 * every computer shows. It is overwritten in two steps, each on the card before the next: first its beginning, one
 * sector of 512 bytes, which is written whole or not at all, then the rest. A power cut before the first leaves the
 * content there, and it is taken over again, to the same effect. One between them leaves a beginning that says whose it
 * was, with an old end behind it: that is `taken` as well, and `markTaken` is due once more.
 */
import { open, readFile } from "node:fs/promises";

/** Bytes of the file on a card. */
export const cardFileBytes = 65_536;

const sectorBytes = 512;

export type CardState =
  /** Nothing was written. */
  | { kind: "blank" }
  /** The content was taken over for `node`; `torn`: not all of it is blanked yet. */
  | { kind: "taken"; node: string; torn: boolean }
  | { kind: "new"; text: string };

/** @throws the error of the file system */
export async function readCardFile(path: string): Promise<CardState> {
  const bytes = await readFile(path);
  // Editors of some systems begin a text with a byte order mark.
  const text = blankless(bytes.toString("utf8").replace(/^\ufeff/, ""));
  if (text === "") return { kind: "blank" };
  const head = blankless(bytes.toString("latin1", 0, sectorBytes));
  const [, node] = /^\{"commissioned":"([a-z0-9-]{1,63})"\}$/.exec(head) ?? [];
  if (node === undefined) return { kind: "new", text };
  return { kind: "taken", node, torn: blankless(bytes.toString("latin1", sectorBytes)) !== "" };
}

function blankless(text: string): string {
  return text.replace(/[\s\0]+$/, "");
}

/** Overwrites the file in place, with its length unchanged, and waits until that is on the card. */
export async function markTaken(path: string, node: string): Promise<void> {
  const handle = await open(path, "r+");
  try {
    const { size } = await handle.stat();
    const text = JSON.stringify({ commissioned: node });
    const blanked = Buffer.alloc(Math.max(size, text.length + 1), " ");
    blanked.write(text);
    blanked.write("\n", Math.min(blanked.length, sectorBytes) - 1);
    blanked.write("\n", blanked.length - 1);
    await handle.write(blanked, 0, Math.min(blanked.length, sectorBytes), 0);
    await handle.sync();
    if (blanked.length <= sectorBytes) return;
    await handle.write(blanked, sectorBytes, blanked.length - sectorBytes, sectorBytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
