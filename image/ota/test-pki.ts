import { join } from "node:path";
import { inToolRoot, pathFrom } from "../tool.ts";
import type { Signer } from "./signer.ts";

/** A PKI of a test's own, as image/ota/pki.sh makes it. */
export async function createPki(dir: string): Promise<Signer & { dir: string }> {
  const pki = await pathFrom("image/ota/pki.sh", [], { env: { UMEC_PKI: join(dir, "pki") } });
  return { dir: pki, ...signerIn(pki, "signing") };
}

/** Another certificate by the same root. */
export async function addCertificate(
  pki: string,
  name: string,
  { usage = "codeSigning", days = ["-days", "30"] }: { usage?: string; days?: readonly string[] } = {},
): Promise<Signer> {
  const openssl = (...args: string[]) => inToolRoot(["openssl", ...args], { cwd: pki });
  await openssl(
    ...[
      "genpkey",
      "-quiet",
      "-algorithm",
      "EC",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-out",
      `${name}.key`,
    ],
  );
  await openssl(
    ...["req", "-x509", "-new", "-key", `${name}.key`, "-CA", "ca.pem", "-CAkey", "ca.key"],
    ...[
      "-out",
      `${name}.pem`,
      ...days,
      "-subj",
      `/CN=${name}`,
      "-addext",
      "basicConstraints=critical,CA:FALSE",
    ],
    ...["-addext", "keyUsage=critical,digitalSignature", "-addext", `extendedKeyUsage=critical,${usage}`],
  );
  return signerIn(pki, name);
}

function signerIn(pki: string, name: string): Signer {
  return {
    cert: join(pki, `${name}.pem`),
    key: join(pki, `${name}.key`),
    keyring: join(pki, "keyring.pem"),
  };
}
