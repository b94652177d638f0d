/**
 * A hub's own certificate authority, and the servers' certificates of it.
 *
 * Files in its directory: `authority.pem` (key and certificate of the CA that signs, mode 0600), `authority-next.pem` (of
 * the one that is to follow) and `ca.pem`: the certificates that nodes and readers are to trust, the newest last. A server's
 * file holds its key and its certificate together, so that one rename changes both: there is no moment at which one does
 * not fit the other, and a crash leaves the old pair or the new one.
 *
 * A CA is changed in three steps, so that whoever asks at least once between two of them never meets what it does not trust:
 *
 * | step | signs | trusted |
 * |---|---|---|
 * | (before) | old | old |
 * | `prepare` | old | old, new |
 * | `use` | new | old, new |
 * | `finish` | new | new |
 *
 * Each ends with a single rename, after which it has been done. A crash in `use` between that and the servers' certificates
 * leaves certificates of the old CA, which is still trusted; the next rotation makes up for it.
 */
import { randomBytes, X509Certificate } from "node:crypto";
import { access, readFile, rename } from "node:fs/promises";
import { isIP, isIPv6, SocketAddress } from "node:net";
import { dirname, join } from "node:path";
import { makePrivateDirectory, syncDirectory, writeDurable } from "../durable-file.ts";
import { messageOf, UmecError } from "../errors.ts";
import { createCertificate } from "./openssl.ts";

export type CaStep = "prepare" | "use" | "finish";
export const caSteps: readonly CaStep[] = ["prepare", "use", "finish"];

/** Long: a CA that ends takes the whole fleet off line. */
const authorityDays = 20 * 365;
/** @default of a server's certificate */
export const serverDays = 730;

export function caFileOf(dir: string): string {
  return join(dir, "ca.pem");
}

/** Makes the CA of `dir` if there is none. @throws UmecError `HUB_OPENSSL` */
export async function provideAuthority(dir: string): Promise<void> {
  await makePrivateDirectory(dir);
  const path = join(dir, "authority.pem");
  if (!(await exists(path))) await writeDurable(path, await createAuthority(dir));
  if (!(await exists(caFileOf(dir))))
    await writeDurable(caFileOf(dir), certificateOf(await readFile(path, "utf8")));
}

/**
 * Writes a server's key and certificate to `file` (mode 0600).
 *
 * @param hosts names and addresses at which it is reached
 * @throws UmecError `HUB_HOST_INVALID`, `HUB_OPENSSL`
 */
export async function issueCertificate(
  dir: string,
  file: string,
  hosts: readonly string[],
  days: number = serverDays,
): Promise<void> {
  const names = [...new Set(hosts)].map((host) => {
    const bare = host.replace(/^\[|\]$/g, "");
    if (isIP(bare)) return `IP:${bare}`;
    if (
      bare.length <= 253 &&
      /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i.test(bare)
    )
      return `DNS:${bare}`;
    throw new UmecError("HUB_HOST_INVALID", `${JSON.stringify(host)} is no name of a host`, {
      hint: "a DNS name such as hub.example.org, or an IP address",
    });
  });
  const pem = await createCertificate({
    dir,
    name: "umec hub",
    // Both: between the servers of a cluster each is the other's client.
    extensions: [
      "basicConstraints = critical, CA:FALSE",
      "keyUsage = critical, digitalSignature",
      "extendedKeyUsage = serverAuth, clientAuth",
      "subjectKeyIdentifier = hash",
      "authorityKeyIdentifier = keyid",
      `subjectAltName = ${names.join(", ")}`,
    ],
    days,
    issuerFile: join(dir, "authority.pem"),
  });
  await writeDurable(file, pem);
}

export interface Rotation {
  /** @default 730 */
  days?: number;
  /** Of a change of the CA. @default the CA stays */
  step?: CaStep;
}

/**
 * New keys and certificates in `files`, for the hosts that they are for, or a step of a change of the CA.
 *
 * @returns whether the certificates are new; `prepare` and `finish` leave them
 * @throws UmecError `HUB_CA_STEP` when it is not that step's turn, `HUB_NO_CERTIFICATE`, `HUB_OPENSSL`
 */
export async function rotateCertificates(
  dir: string,
  files: readonly string[],
  rotation: Rotation = {},
): Promise<boolean> {
  const { step, days } = rotation;
  const hosts = await Promise.all(files.map(async (file) => hostsOf(await readCertificate(file))));
  if (step) await changeAuthority(dir, step);
  if (step === "prepare" || step === "finish") return false;
  for (const [index, file] of files.entries()) await issueCertificate(dir, file, hosts[index]!, days);
  return true;
}

async function changeAuthority(dir: string, step: CaStep): Promise<void> {
  const [path, nextPath] = [join(dir, "authority.pem"), join(dir, "authority-next.pem")];
  const present = certificateOf(await readFile(path, "utf8"));
  const prepared = await exists(nextPath);
  const many = certificatesOf(await readFile(caFileOf(dir), "utf8")).length > 1;
  const outOfTurn = (reason: string, hint: string) => new UmecError("HUB_CA_STEP", reason, { hint });
  if (step === "prepare") {
    if (!prepared && many) throw outOfTurn("the last change of the CA is not finished", "--ca finish");
    if (!prepared) await writeDurable(nextPath, await createAuthority(dir));
    await writeDurable(caFileOf(dir), present + certificateOf(await readFile(nextPath, "utf8")));
  } else if (step === "use") {
    if (!prepared || !many)
      throw outOfTurn("there is no new CA", "--ca prepare, and give nodes time to hear of it");
    await rename(nextPath, path);
    await syncDirectory(dir);
  } else {
    if (prepared) throw outOfTurn("the new CA is not in use", "--ca use");
    await writeDurable(caFileOf(dir), present);
  }
}

function createAuthority(dir: string): Promise<string> {
  return createCertificate({
    dir,
    // Two CAs of one name would be mistaken for each other.
    name: `umec hub CA ${randomBytes(4).toString("hex")}`,
    extensions: [
      "basicConstraints = critical, CA:TRUE, pathlen:0",
      "keyUsage = critical, keyCertSign, cRLSign",
      "subjectKeyIdentifier = hash",
    ],
    days: authorityDays,
  });
}

/** The server's certificate in a file. @throws UmecError `HUB_NO_CERTIFICATE` */
export async function readCertificate(file: string): Promise<X509Certificate> {
  try {
    return new X509Certificate(certificateOf(await readFile(file, "utf8")));
  } catch (cause) {
    throw new UmecError("HUB_NO_CERTIFICATE", `no certificate in ${file}: ${messageOf(cause)}`, {
      cause,
      hint: `are ${dirname(file)} and its files of umec hub init, or of umec hub --tls-host?`,
    });
  }
}

/** Whether it is for just these. */
export function sameHosts(certificate: X509Certificate, hosts: readonly string[]): boolean {
  return (
    String(hostsOf(certificate).map(canonical).sort()) === String([...new Set(hosts.map(canonical))].sort())
  );
}

function canonical(host: string): string {
  const bare = host.replace(/^\[|\]$/g, "");
  return isIPv6(bare) ? new SocketAddress({ address: bare, family: "ipv6" }).address : bare.toLowerCase();
}

function hostsOf({ subjectAltName = "" }: X509Certificate): string[] {
  return [...subjectAltName.matchAll(/(?:DNS|IP Address):([^,]+)/g)].map(([, host]) => host!);
}

function certificatesOf(pem: string): string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/g) ?? [];
}

function certificateOf(pem: string): string {
  const [first] = certificatesOf(pem);
  if (first === undefined) throw new Error("it has none");
  return first;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
