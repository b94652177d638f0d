import { sign, X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runTool } from "./run-tool.ts";

export type Sign = (bytes: Uint8Array) => Promise<Uint8Array>;

/**
 * Signs with a key: a PEM file, or a URI of PKCS#11 (RFC 7512). With that openssl signs, by its engine `pkcs11`, which
 * must be installed: so no key of production is ever in this process.
 *
 * @param certificates PEM; the first one says what kind of key it is
 */
export function signer(key: string, certificates: string): Sign {
  const { asymmetricKeyType } = new X509Certificate(certificates).publicKey;
  const digest = asymmetricKeyType === "ed25519" || asymmetricKeyType === "ed448" ? null : "sha256";
  if (key.startsWith("pkcs11:")) return (bytes) => signByToken(key, digest, bytes);
  return async (bytes) => sign(digest, bytes, await readFile(key));
}

async function signByToken(uri: string, digest: string | null, bytes: Uint8Array): Promise<Uint8Array> {
  const dir = await mkdtemp(join(tmpdir(), "umec-sign-"));
  try {
    const [text, signature] = [join(dir, "text"), join(dir, "signature")];
    await writeFile(text, bytes);
    const how = ["-sign", "-rawin", ...(digest === null ? [] : ["-digest", digest])];
    const key = ["-engine", "pkcs11", "-keyform", "engine", "-inkey", uri];
    await runTool("openssl", ["pkeyutl", ...how, ...key, "-in", text, "-out", signature]);
    return await readFile(signature);
  } finally {
    await rm(dir, { recursive: true });
  }
}
