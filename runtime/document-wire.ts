/**
 * What the hub says to a node with its own key: the body of the node's documents `target` and `ca`.
 *
 * Three parts, a line each and the rest:
 *
 *     umec-target-1 <public key of who signed, A…> <signature, base64url>
 *     {"node":"lamp-0042","issuedAtMs":1796043005000}
 *     log: { level: warn }
 *     …
 *
 * - **Who signs** is the key that signs the claims of the node's link, which is in the hub's directory and nowhere else. So
 *   whoever may write in the fleet's account, a reader's program for one, can't change who may log in. The signature
 *   (Ed25519) is over `umec-target-1\n` and all behind the first line; of a `ca` it is `umec-ca-1`.
 * - **`issuedAtMs`** grows with each one of a kind for a node: an older one that somebody shows again is not taken.
 * - **The rest of a target** is YAML as in node.yaml, though not all of it: the keys that the hub decides. Each takes the
 *   place of the node's own; `key: null` takes it out; keys that are not there stay as they are. `node`, `data` and, of
 *   `link`, `hub`, `credentials` and `ca` are the node's own, and passed over.
 * - **The rest of a ca** is PEM: the CAs by which the node is to know its hub from now on.
 */
import { fromPublic, type KeyPair } from "@nats-io/nkeys";

export type SignedKind = "target" | "ca";

export interface IssuedDocument {
  node: string;
  /** Unix time in milliseconds; unique for each of a kind for a node. */
  issuedAtMs: number;
  text: string;
}

export interface SignedDocument extends IssuedDocument {
  /** Public key of who signed it; whether that is somebody who may is the reader's to judge. */
  signer: string;
}

/** What a node made of its target, as JSON, in its report on the document. */
export interface TargetReport {
  version: 1;
  /** Of the bucket, as the node saw it. */
  revision: number;
  issuedAtMs: number;
  /**
   * `taken`: it is in node.yaml. `refused`: it is not, and will not be. `failed`: it is not yet; the node tries again.
   */
  state: "taken" | "refused" | "failed";
  /** Why not; several lines where the check found several faults. */
  reason?: string;
  /** Of one that was taken: whether the node is what it says by now. Left out while it is not known. */
  reached?: boolean;
  /** What keeps the node from being so. */
  failures?: string[];
  /** Unix time in milliseconds, by the node's clock. */
  atMs: number;
  /** Of the node's program. */
  umec: string;
}

export function signDocument(
  kind: SignedKind,
  { node, issuedAtMs, text }: IssuedDocument,
  key: KeyPair,
): Uint8Array {
  const magic = magicOf(kind);
  const rest = `${JSON.stringify({ node, issuedAtMs })}\n${text}`;
  const signature = Buffer.from(key.sign(Buffer.from(`${magic}\n${rest}`))).toString("base64url");
  return Buffer.from(`${magic} ${key.getPublicKey()} ${signature}\n${rest}`);
}

/** The document in a body if it is one and its signature is right by the key that it names; else why not. */
export function openDocument(kind: SignedKind, body: Uint8Array): SignedDocument | string {
  const magic = magicOf(kind);
  let whole: string;
  try {
    whole = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return "it is not UTF-8";
  }
  const [, said, signer, signature, rest] =
    /^(umec-[a-z]+-1) (A[A-Z2-7]{55}) ([\w-]{86})\n([\s\S]*)$/.exec(whole) ?? [];
  if (said !== magic || signer === undefined || signature === undefined || rest === undefined)
    return `it is no document of the form ${magic}`;
  try {
    const fits = fromPublic(signer).verify(
      Buffer.from(`${magic}\n${rest}`),
      Buffer.from(signature, "base64url"),
    );
    if (!fits) return "its signature is wrong";
    const end = rest.indexOf("\n");
    const { node, issuedAtMs } = JSON.parse(rest.slice(0, end));
    if (typeof node !== "string" || !Number.isSafeInteger(issuedAtMs)) return "its second line is incomplete";
    return { node, issuedAtMs, text: rest.slice(end + 1), signer };
  } catch {
    return "it can't be read";
  }
}

function magicOf(kind: SignedKind): string {
  return `umec-${kind}-1`;
}
