/**
 * The file `umec.json` on a card's boot partition: 64 KiB that are there from the beginning, filled up with blanks, so
 * that whoever writes into it changes no other sector of the file system and needs to know nothing about allocation.
 *
 * Once its content is taken over it says only `{"commissioned":"<node>"}`: its secrets must not stay on a partition that
 * every computer shows. A power cut in between leaves the content there, and it is taken over again, to the same effect;
 * one that tears the write leaves no JSON, or an old end behind a new beginning: both are findings, and the node goes on
 * with what it has.
 */
import { open, readFile } from "node:fs/promises";

/** Bytes of the file on a card. */
export const cardFileBytes = 65_536;

/** `blank`: nothing was written. `taken`: the content was taken over, `node` says for whom. */
export type CardState = { kind: "blank" } | { kind: "taken"; node: string } | { kind: "new"; text: string };

/** @throws the error of the file system */
export async function readCardFile(path: string): Promise<CardState> {
  const text = (await readFile(path, "utf8")).replace(/[\s\0]+$/, "");
  if (text === "") return { kind: "blank" };
  const taken = /^\s*\{\s*"commissioned"\s*:\s*"([a-z0-9-]{1,63})"\s*\}$/.exec(text);
  return taken?.[1] === undefined ? { kind: "new", text } : { kind: "taken", node: taken[1] };
}

/** Overwrites the file in place, with its length unchanged, and waits until that is on the card. */
export async function markTaken(path: string, node: string): Promise<void> {
  const handle = await open(path, "r+");
  try {
    const { size } = await handle.stat();
    const text = `${JSON.stringify({ commissioned: node })}\n`;
    await handle.write(text.padEnd(size, " "), 0);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
