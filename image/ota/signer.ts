/** Who signs: a certificate, its key, and the keyring that the nodes have. */
import { dirname, join } from "node:path";
import { pathFrom } from "../tool.ts";

export interface Signer {
  /** PEM, with the purpose codeSigning. */
  readonly cert: string;
  /** PEM, or a `pkcs11:` URI (RFC 7512). */
  readonly key: string;
  /** What the signature is verified by before the bundle appears; the image's. */
  readonly keyring: string;
}

/** The signer that was named, for the rest that of the development PKI, which is made if it is needed and not there. */
export async function signerFrom(
  named: Partial<Signer>,
  onMessage?: (text: string) => void,
): Promise<Signer> {
  const { cert, key, keyring } = named;
  if (cert && key && keyring) return { cert, key, keyring };
  const pki = await pathFrom("image/ota/pki.sh", [], onMessage ? { onMessage } : {});
  return {
    cert: cert ?? join(pki, "signing.pem"),
    key: key ?? join(pki, "signing.key"),
    keyring: keyring ?? process.env.UMEC_KEYRING ?? join(pki, "keyring.pem"),
  };
}

/** The folders that a program of the tool root must see to sign; UMEC_TOOLS_BIND names more, for a token's module. */
export function foldersOf({ cert, key, keyring }: Signer): string[] {
  const files = [cert, key, keyring].filter((path) => !path.startsWith("pkcs11:"));
  return [...files.map((path) => dirname(path)), ...(process.env.UMEC_TOOLS_BIND ?? "").split(":")].filter(
    (path) => path !== "",
  );
}
