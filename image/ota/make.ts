/** `make bundle-ota`: signed updates into `dist/`. `node image/ota/make.ts --help` tells the rest. */
import { relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { root } from "../../bundle/paths.ts";
import { isUmecError, messageOf } from "../../runtime/errors.ts";
import { isSemver } from "../../runtime/update/semver.ts";
import { version as ours } from "../../runtime/version.ts";
import { sizeLine } from "../assemble.ts";
import { boardNames } from "../boards.ts";
import { ensureBundle } from "../bundle-step.ts";
import { collectParts } from "../parts.ts";
import { createSteps } from "../steps.ts";
import { makeBundle } from "./bundle.ts";
import { type Signer, signerFrom } from "./signer.ts";

const usage = `usage: node image/ota/make.ts [options] [board…]

Makes dist/umec-<version>-<board>.raucb, which a node of that board installs.

  board              ${boardNames.join(", ")} or all; virt if none is named
  --version <v>      semantic version of the whole slot; ${ours} if none is named
  --overlay <dir>    put the files in it over the root slot's: etc/issue in it is /etc/issue
  --cert <file>      the signer's certificate; that of the development PKI if none is named
  --key <file|uri>   its key, or where it is in a token: pkcs11:token=umec;object=signing
  --keyring <file>   what the nodes judge by; also UMEC_KEYRING

For a token RAUC_PKCS11_MODULE names its module, as the tool root sees it, RAUC_PKCS11_PIN the PIN, and UMEC_TOOLS_BIND
folders (with colons) that the module needs. docs/update.md shows it.
`;

const options = {
  version: { type: "string", default: ours },
  overlay: { type: "string" },
  cert: { type: "string" },
  key: { type: "string" },
  keyring: { type: "string" },
  help: { type: "boolean", short: "h", default: false },
} as const;

try {
  const { values, positionals } = parseArgs({ allowPositionals: true, options });
  const unknown = positionals.filter((name) => name !== "all" && !boardNames.some((known) => known === name));
  if (values.help) process.stdout.write(usage);
  else if (unknown.length > 0)
    refuse(`${unknown.join(", ")}: the boards are ${boardNames.join(", ")} and all`);
  else if (!isSemver(values.version))
    refuse(`"${values.version}" is no semantic version, such as 1.4.0 or 1.4.0-rc.1`);
  else if ((values.cert === undefined) !== (values.key === undefined))
    refuse("--cert and --key go together: one is of no use without the other");
  else await make(positionals.length > 0 ? positionals : ["virt"], values);
} catch (error) {
  if ((error as { code?: unknown }).code?.toString().startsWith("ERR_PARSE_ARGS")) refuse(messageOf(error));
  else fail(error);
}

async function make(
  named: readonly string[],
  values: { version: string; overlay?: string | undefined; cert?: string; key?: string; keyring?: string },
): Promise<void> {
  const steps = createSteps((line) => console.log(line));
  const onMessage = (text: string) => void process.stderr.write(text);
  const at = (path: string | undefined) =>
    path === undefined || path.startsWith("pkcs11:") ? path : resolve(path);
  const [cert, key, keyring] = [at(values.cert), at(values.key), at(values.keyring)];
  const signer: Signer = await signerFrom(
    { ...(cert && { cert }), ...(key && { key }), ...(keyring && { keyring }) },
    onMessage,
  );
  await steps.step("bundle", ensureBundle);
  const parts = await collectParts(steps, { onMessage, overlay: at(values.overlay) });
  const made = [];
  for (const board of boardNames.filter((name) => named.includes("all") || named.includes(name)))
    made.push(await makeBundle({ board, parts, version: values.version, signer, steps, onMessage }));
  console.log(`made in ${steps.elapsed()}, in dist/`);
  for (const { path, bytes } of made) console.log(sizeLine(relative(root, path), bytes));
}

function refuse(message: string): void {
  process.stderr.write(`bundle-ota: ${message}\n\n${usage}`);
  process.exitCode = 2;
}

function fail(error: unknown): void {
  process.stderr.write(`bundle-ota: ${messageOf(error)}\n`);
  if (isUmecError(error) && error.hint) process.stderr.write(`  ${error.hint}\n`);
  process.exitCode = 1;
}
