/**
 * `make program`: the scripts alone, signed, as `dist/umec-<version>.umecjs`.
 *
 * `node bundle/program-artifact-make.ts [--cert <pem>… --key <file or pkcs11:…>] [--version <semver>] [--out <file>]`;
 * without a key the development PKI signs (image/ota/pki.sh).
 */
import { mkdir } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { parseArgs } from "node:util";
import { messageOf, UmecError } from "../runtime/errors.ts";
import { version as ownVersion } from "../runtime/version.ts";
import { root } from "./paths.ts";
import { readCertificates, writeProgramArtifact } from "./program-artifact.ts";
import { signer } from "./program-sign.ts";
import { runTool } from "./run-tool.ts";

try {
  const { values } = parseArgs({
    options: {
      cert: { type: "string", multiple: true },
      key: { type: "string" },
      version: { type: "string", default: ownVersion },
      out: { type: "string" },
    },
  });
  const { version } = values;
  const { cert, key } = await signerOf(values);
  const out = values.out ?? join(root, "dist", `umec-${version}.umecjs`);
  await mkdir(dirname(out), { recursive: true });
  const certificates = await readCertificates(cert);
  // Of reproducible builds: the time of the sources.
  const epoch = process.env.SOURCE_DATE_EPOCH;
  const builtAt = epoch === undefined ? new Date() : new Date(Number(epoch) * 1000);
  const bytes = await writeProgramArtifact(out, {
    ...{ version, builtAt, certificates },
    sign: signer(key, certificates),
  });
  console.log(`${relative(root, out)}: ${(bytes / 1e6).toFixed(2)} MB`);
} catch (error) {
  process.stderr.write(`program: ${messageOf(error)}\n`);
  process.exitCode = 1;
}

async function signerOf({
  cert,
  key,
}: {
  cert?: string[];
  key?: string;
}): Promise<{ cert: string[]; key: string }> {
  if (cert && key !== undefined) return { cert, key };
  if (cert || key !== undefined) throw new UmecError("CLI_USAGE", "--cert and --key come together");
  const pki = (await runTool(join(root, "image/ota/pki.sh"), [])).trim();
  return { cert: [join(pki, "signing.pem")], key: join(pki, "signing.key") };
}
