/** Whether a document of the hub's is to be taken: its key has signed it, for this node, later than what was taken before. */
import { readFile } from "node:fs/promises";
import type { SignedDocument } from "../document-wire.ts";
import { writeDurable } from "../durable-file.ts";
import { UmecError } from "../errors.ts";

export interface ProofOptions {
  node: string;
  /** The file that notes what was taken. */
  notePath: string;
  /** Public key that has signed the claims of the node's link; `undefined` while there are none. */
  issuer(): Promise<string | undefined>;
}

interface Note {
  version: 1;
  signer: string;
  issuedAtMs: number;
  revision: number;
}

/** False when it was taken already. @throws UmecError `DOCUMENT_REFUSED`, `DOCUMENT_UNPROVEN` while there are no claims */
export async function isNew(
  { node, signer, issuedAtMs }: SignedDocument,
  options: ProofOptions,
): Promise<boolean> {
  const issuer = await options.issuer();
  if (issuer === undefined) {
    throw new UmecError("DOCUMENT_UNPROVEN", "this node has no claims that say whose signature counts", {
      hint: "can link.credentials be read?",
    });
  }
  if (signer !== issuer) {
    const claims = `this node's claims by ${issuer}`;
    throw documentRefused(`it is signed by ${signer}, and ${claims}: set it again at the hub`);
  }
  if (node !== options.node) throw documentRefused(`it is for ${node}`);
  const note = await noted(options.notePath);
  if (note?.signer !== signer || note.issuedAtMs < issuedAtMs) return true;
  if (note.issuedAtMs === issuedAtMs) return false;
  throw documentRefused("it is older than what was taken over before: set it again at the hub");
}

/** On disk when the promise resolves. */
export async function noteTaken(
  { signer, issuedAtMs }: SignedDocument,
  revision: number,
  { notePath }: ProofOptions,
): Promise<void> {
  const note: Note = { version: 1, signer, issuedAtMs, revision };
  await writeDurable(notePath, `${JSON.stringify(note)}\n`);
}

export function documentRefused(reason: string): UmecError {
  return new UmecError("DOCUMENT_REFUSED", reason, { hint: "the node stays as it was" });
}

async function noted(path: string): Promise<Note | undefined> {
  try {
    const note: Note = JSON.parse(await readFile(path, "utf8"));
    return note.version === 1 ? note : undefined;
  } catch {
    // None, or none that can be read: then it is taken again, to the same effect.
    return undefined;
  }
}
