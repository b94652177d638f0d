/**
 * The node's own TLS certificate, where the target state names none: it signs itself, and who dials the node trusts it by
 * what `umec` shows of it, or by its fingerprint.
 *
 * It begins with the start of 1970, as those of a hub do: a client without a clock of its own could not dial otherwise. It
 * is good for ten years from when it was made, counted from 2026 at least, as the node may have no clock either. When a year
 * is left, or the node is dialled by other names, there is another one of the same key, so who has pinned the key need do
 * nothing. The key never leaves its file (mode 0600).
 *
 * `tls-key.pem` and `tls-cert.pem`, each written whole or not at all. A crash between them leaves a key without a
 * certificate, which is made then. What can't be read is made anew.
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { makePrivateDirectory, writeDurable } from "../../durable-file.ts";
import { messageOf } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { makeCertificate } from "./make-certificate.ts";

export interface NodeCertificateOptions {
  /** Made when it is not there. */
  dir: string;
  /** The node's. */
  name: string;
  /** Host names and IP addresses by which clients dial it. */
  hosts: readonly string[];
  /** Unix time. */
  nowMs: number;
  log: Log;
}

const yearMs = 365.25 * 86_400_000;
const earliestMs = Date.UTC(2026);

/** The key and the certificate in PEM; made, or renewed, when that is due. Ask again once a day. */
export async function nodeCertificate(
  options: NodeCertificateOptions,
): Promise<{ key: string; cert: string }> {
  const { dir, name, hosts, nowMs, log } = options;
  await makePrivateDirectory(dir);
  const certPath = join(dir, "tls-cert.pem");
  const { key, pem } = await loadKey(join(dir, "tls-key.pem"), log);
  const found = await textOf(certPath);
  if (found !== undefined && !isDue(found, key, options)) return { key: pem, cert: found };
  const notAfterMs = Math.max(nowMs, earliestMs) + 10 * yearMs;
  const cert = makeCertificate({ name: name.slice(0, 64), hosts, notAfterMs, key });
  await writeDurable(certPath, cert);
  log.info("the API has a new certificate", { sha256: new X509Certificate(cert).fingerprint256 });
  return { key: pem, cert };
}

async function loadKey(path: string, log: Log): Promise<{ key: KeyObject; pem: string }> {
  const pem = await textOf(path);
  try {
    if (pem !== undefined) return { key: createPrivateKey(pem), pem };
  } catch (error) {
    log.error("the API's key can't be read: there is a new one", { path, reason: messageOf(error) });
  }
  const { privateKey: key } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const made = key.export({ format: "pem", type: "pkcs8" }) as string;
  await writeDurable(path, made);
  return { key, pem: made };
}

function isDue(pem: string, key: KeyObject, { hosts, nowMs }: NodeCertificateOptions): boolean {
  try {
    const cert = new X509Certificate(pem);
    if (!cert.checkPrivateKey(key) || Date.parse(cert.validTo) - nowMs < yearMs) return true;
    return !hosts.every((host) => cert.checkHost(host, { subject: "never" }) ?? cert.checkIP(host));
  } catch {
    return true;
  }
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
