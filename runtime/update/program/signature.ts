/**
 * Who signed a program, and whether that counts (X.509: RFC 5280).
 *
 * The signer's certificate must be for signing code (extended key usage 1.3.6.1.5.5.7.3.3), must lead, by at most three
 * others that come with it, to a CA of the keyring, and each on the way must have been valid when the program was built:
 * a node whose clock is not yet right still judges the same. A clock that is known adds: it must be valid now. That is
 * asked of a new program alone; one that was taken stays good when its certificate expires.
 */
import { createPublicKey, verify, X509Certificate } from "node:crypto";
import { messageOf } from "../../errors.ts";
import { refused } from "./manifest.ts";

export interface Trust {
  /** PEM: the CAs whose code is run. */
  keyring: string;
  /** Unix milliseconds where the clock is known and the program is new; left out, only the build time counts. */
  nowMs?: number;
}

export interface Signer {
  /** @throws UmecError `UPDATE_REFUSED` */
  requireValidAt(unixMs: number): void;
}

const codeSigning = "1.3.6.1.5.5.7.3.3";
const mostBetween = 3;
/** Of the build machine's clock against the node's. */
const skewMs = 10 * 60_000;
const day = (date: Date) => date.toISOString().slice(0, 10);

/** @throws UmecError `UPDATE_REFUSED` */
export function verifySignature(
  { signed, signature, certificates }: { signed: Uint8Array; signature: Uint8Array; certificates: string },
  { keyring, nowMs }: Trust,
): Signer {
  const [leaf, ...others] = certificatesIn(certificates, "its certificate");
  if (!leaf) throw refused("it has no certificate");
  const chain = chainOf(leaf, others.slice(0, mostBetween), certificatesIn(keyring, "the keyring"));
  if (!chain) throw refused(`it is signed by ${nameOf(leaf)}, whom no CA of this node's keyring vouches for`);
  if (!(leaf.keyUsage ?? []).includes(codeSigning))
    throw refused(`the certificate of ${nameOf(leaf)} is not for signing code`);
  const key = createPublicKey(leaf.publicKey.export({ type: "spki", format: "pem" }));
  const ownHash = key.asymmetricKeyType === "ed25519" || key.asymmetricKeyType === "ed448";
  if (!verifies(ownHash ? null : "sha256", signed, key, signature))
    throw refused(`its signature does not fit: the manifest is not what ${nameOf(leaf)} signed`);
  return {
    requireValidAt(unixMs) {
      requireValid(chain, unixMs, "when it was built");
      if (nowMs === undefined) return;
      if (unixMs > nowMs + skewMs)
        throw refused(`it says that it was built on ${day(new Date(unixMs))}, which is to come`);
      requireValid(chain, nowMs, "now");
    },
  };
}

function verifies(
  algorithm: string | null,
  signed: Uint8Array,
  key: ReturnType<typeof createPublicKey>,
  signature: Uint8Array,
): boolean {
  try {
    return verify(algorithm, signed, key, signature);
  } catch {
    return false;
  }
}

function requireValid(chain: readonly X509Certificate[], unixMs: number, when: string): void {
  for (const certificate of chain) {
    const { validFromDate, validToDate } = certificate;
    if (unixMs >= validFromDate.getTime() && unixMs <= validToDate.getTime()) continue;
    const how = unixMs < validFromDate.getTime() ? "not yet valid" : "expired";
    throw refused(
      `the certificate of ${nameOf(certificate)} was ${how} ${when} (${day(new Date(unixMs))}): ` +
        `it is valid from ${day(validFromDate)} to ${day(validToDate)}`,
    );
  }
}

/** From the signer to a CA of the keyring, or `undefined`. */
function chainOf(
  leaf: X509Certificate,
  between: readonly X509Certificate[],
  roots: readonly X509Certificate[],
): X509Certificate[] | undefined {
  const chain = [leaf];
  for (;;) {
    const last = chain.at(-1)!;
    const root = roots.find((ca) => isIssuer(ca, last));
    if (root) return [...chain, root];
    const next = between.find((ca) => !chain.includes(ca) && isIssuer(ca, last));
    if (!next) return undefined;
    chain.push(next);
  }
}

function isIssuer(ca: X509Certificate, of: X509Certificate): boolean {
  return ca.ca && of.checkIssued(ca) && of.verify(ca.publicKey);
}

function certificatesIn(pem: string, what: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (cause) {
    throw refused(`${what} can't be read: ${messageOf(cause)}`, { cause });
  }
}

function nameOf({ subject }: X509Certificate): string {
  return JSON.stringify(/^CN=(.*)$/m.exec(subject)?.[1] ?? subject);
}
