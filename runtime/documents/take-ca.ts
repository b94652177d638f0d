/**
 * Takes over the CAs that the hub names to a node with a credentials file. (One that has enrolled hears of them with its
 * claims: ../enrol/enrolment.ts.)
 *
 * They come over a link that the CAs in place vouch for, signed as a target is. The file is the old or the new one; the link
 * knows the new one once it is dialled anew, which is done then, and no sample is lost by it.
 */
import { openDocument } from "../document-wire.ts";
import { messageOf } from "../errors.ts";
import type { Log } from "../log.ts";
import { documentRefused, isNew, noteTaken, type ProofOptions } from "./proof.ts";
import type { NodeDocument, NodeDocuments } from "./types.ts";

export interface TakeCaOptions extends ProofOptions {
  documents: NodeDocuments;
  /** The file of the target state's `link.ca`, of a node with a credentials file; else `undefined`. */
  caPath(): string | undefined;
  /** Makes `pem` the CAs in that file; gives whether they are others. */
  replace(caPath: string, pem: string): Promise<boolean>;
  /** Dials anew when nothing is on its way, or after a while. */
  redial(): Promise<void>;
  log: Log;
  signal: AbortSignal;
}

export function takeCas(options: TakeCaOptions): void {
  const { documents, log, signal } = options;
  let turns = Promise.resolve();
  const take = (document: NodeDocument): void => {
    turns = turns
      .then(() => takeOne(document, options))
      .catch((error: unknown) => {
        if (!signal.aborted) log.error(`the hub's CAs are not taken over: ${messageOf(error)}`, { error });
      });
  };
  documents.watch("ca", (document) => document && take(document), signal);
}

async function takeOne(document: NodeDocument, options: TakeCaOptions): Promise<void> {
  const { caPath, replace, redial, log } = options;
  const path = caPath();
  if (path === undefined) return;
  const parsed = openDocument("ca", document.body);
  if (typeof parsed === "string") throw documentRefused(parsed);
  if (!(await isNew(parsed, options))) return;
  const others = await replace(path, parsed.text);
  await noteTaken(parsed, document.revision, options);
  if (!others) return;
  log.info("the hub names other CAs", { file: path });
  await redial();
}
