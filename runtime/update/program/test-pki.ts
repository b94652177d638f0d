/** A CA and what it signs, by openssl, for tests. */
import { execFile } from "node:child_process";
import { sign } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

export interface Issued {
  /** PEM. */
  certificate: string;
  certificatePath: string;
  keyPath: string;
  sign: (bytes: Uint8Array) => Promise<Uint8Array>;
}

export interface IssueOptions {
  /** @default "P-256" */
  key?: "P-256" | "rsa" | "ed25519";
  /** @default "codeSigning" */
  purpose?: string;
  /** As `YYYYMMDDHHMMSSZ`. @default a day ago */
  from?: string;
  /** @default in a year */
  to?: string;
  /** Whether it may sign others. @default false */
  ca?: boolean;
  /** Who signs it. @default itself */
  by?: Issued;
}

const run = promisify(execFile);
const keyArguments = {
  "P-256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
  rsa: ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
  ed25519: ["-algorithm", "ED25519"],
};

export async function issue(dir: string, name: string, options: IssueOptions = {}): Promise<Issued> {
  const { key = "P-256", ca = false, purpose = "codeSigning", by } = options;
  const at = (ending: string) => join(dir, `${name}.${ending}`);
  await run("openssl", ["genpkey", ...keyArguments[key], "-out", at("key")]);
  await run("openssl", ["req", "-new", "-key", at("key"), "-subj", `/O=test/CN=${name}`, "-out", at("csr")]);
  const issuer = by ?? { certificatePath: at("pem"), keyPath: at("key") };
  await writeFile(at("index"), "");
  await writeFile(
    at("cnf"),
    `[ca]
default_ca = it
[it]
database = ${at("index")}
rand_serial = yes
default_md = default
policy = any
x509_extensions = ext
email_in_dn = no
unique_subject = no
[any]
organizationName = optional
commonName = supplied
[ext]
basicConstraints = critical,CA:${ca ? "TRUE" : "FALSE"}
keyUsage = critical,${ca ? "keyCertSign,cRLSign" : "digitalSignature"}
${ca ? "" : `extendedKeyUsage = critical,${purpose}\n`}`,
  );
  const validity = ["-startdate", options.from ?? stamp(-1), "-enddate", options.to ?? stamp(365)];
  const signer = by
    ? ["-cert", by.certificatePath, "-keyfile", by.keyPath]
    : ["-selfsign", "-keyfile", issuer.keyPath];
  await run("openssl", [
    ...["ca", "-batch", "-notext", "-config", at("cnf"), "-outdir", dir, ...signer, ...validity],
    ...["-in", at("csr"), "-out", at("pem")],
  ]);
  const privateKey = await readFile(at("key"));
  return {
    certificate: await readFile(at("pem"), "utf8"),
    certificatePath: at("pem"),
    keyPath: at("key"),
    sign: async (bytes) => sign(key === "ed25519" ? null : "sha256", bytes, privateKey),
  };
}

/** A time so many days from now, in openssl's form. */
export function stamp(days: number): string {
  return `${new Date(Date.now() + days * 86_400_000).toISOString().replace(/[-:T]|\.\d+/g, "")}`;
}
