import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { signBundle } from "./sign.ts";
import type { Signer } from "./signer.ts";

/** What a maintainer signs for. */
export interface PermitTerms {
  /** Of the bundle that is let in. */
  compatible: string;
  /** The oldest that is let in. */
  version: string;
  /** To the second. */
  expires: Date;
  /** @default every node */
  node?: string;
}

/**
 * A permit: a bundle without images for the compatible `umec-permit`, so that RAUC judges it by the same keyring, purpose
 * and times as it does a bundle, and no bundle passes for a permit nor a permit for a bundle. 14 kB.
 */
export async function makePermit(work: string, terms: PermitTerms, signer: Signer): Promise<Buffer> {
  const { compatible, version, expires, node } = terms;
  await mkdir(join(work, "content"));
  // RAUC takes no squashfs of one block alone.
  await writeFile(join(work, "content/blank"), " ".repeat(4096));
  const permit = {
    compatible,
    expires: String(Math.floor(expires.getTime() / 1000)),
    ...(node !== undefined && { node }),
  };
  return readFile(await signBundle(work, { compatible: "umec-permit", version, meta: { permit } }, signer));
}
