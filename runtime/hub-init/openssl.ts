/**
 * X.509 certificates, signed by the system's `openssl`: this program writes none itself.
 *
 * `openssl ca` and not `openssl x509`: of the versions in use (1.1.1, 3.0) only it lets one say when a certificate begins.
 * All begin at the start of 1970. A board without a clock of its own wakes in the past, and to learn the time it needs the
 * link; a certificate that is not valid yet would keep it from linking for ever. When a certificate begins protects nobody:
 * who has its key has it from the day on that it was made.
 */
import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { UmecError } from "../errors.ts";

const run = promisify(execFile);

export interface CertificateRequest {
  /** A directory for drafts, of the owner alone. */
  dir: string;
  /** Its common name: letters, digits, spaces, dots. */
  name: string;
  /** Lines `name = value` as in x509v3_config(5). */
  extensions: readonly string[];
  /** How long it is good for from now on. */
  days: number;
  /** PEM file with the key and the certificate of who signs. @default it signs itself */
  issuerFile?: string;
}

/**
 * A new EC P-256 key (PKCS #8) and a certificate of it, one after the other in PEM.
 *
 * @throws UmecError `HUB_OPENSSL` when there is no `openssl` command, or with what it says
 */
export async function createCertificate(request: CertificateRequest): Promise<string> {
  const { name, extensions, days, issuerFile } = request;
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const key = privateKey.export({ format: "pem", type: "pkcs8" }) as string;
  const dir = await mkdtemp(join(request.dir, ".draft-"));
  try {
    const at = (file: string) => join(dir, file);
    await writeFile(at("key"), key, { mode: 0o600 });
    await writeFile(at("index"), "");
    await writeFile(at("config"), configuration(extensions));
    const config = ["-config", at("config")];
    await openssl(
      ["req", "-new", ...config, "-subj", `/CN=${name}`, "-key", at("key"), "-out", at("request")],
      dir,
    );
    const end = new Date(Date.now() + days * 86_400_000);
    const issuer = issuerFile && resolve(issuerFile);
    const signer = issuer ? ["-cert", issuer, "-keyfile", issuer] : ["-selfsign", "-keyfile", at("key")];
    const times = [
      "-startdate",
      "19700101000000Z",
      "-enddate",
      `${end.toISOString().replace(/\.\d+|[-:T]/g, "")}`,
    ];
    await openssl(
      ["ca", "-batch", "-notext", ...config, ...signer, ...times, "-in", at("request"), "-out", at("cert")],
      dir,
    );
    return key + (await readFile(at("cert"), "utf8"));
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function configuration(extensions: readonly string[]): string {
  return `[req]
distinguished_name = names
[names]
[ca]
default_ca = authority
[authority]
database = index
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = policy
x509_extensions = extensions
[policy]
commonName = supplied
[extensions]
${extensions.join("\n")}
`;
}

async function openssl(args: string[], cwd: string): Promise<void> {
  try {
    // Its own environment may name another configuration, or engines.
    await run("openssl", args, { cwd, env: { PATH: process.env.PATH, LC_ALL: "C" }, timeout: 60_000 });
  } catch (cause) {
    const { code, stderr = "" } = cause as { code?: unknown; stderr?: string };
    if (code === "ENOENT")
      throw new UmecError("HUB_OPENSSL", "there is no openssl command on this machine", {
        cause,
        hint: "certificates are made with it: install it (apt-get install openssl), or give certificates of your own",
      });
    throw new UmecError("HUB_OPENSSL", `openssl ${args[0]} failed: ${stderr.trim().split("\n").join("; ")}`, {
      cause,
    });
  }
}
