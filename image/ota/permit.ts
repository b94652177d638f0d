/** A permit for a downgrade or another board's bundle. `node image/ota/permit.ts --help` tells the rest. */
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { isUmecError, messageOf } from "../../runtime/errors.ts";
import { isSemver } from "../../runtime/update/semver.ts";
import { makePermit } from "./make-permit.ts";
import { signerFrom } from "./signer.ts";

const usage = `usage: node image/ota/permit.ts --board <b> --version <v> --days <n> [--node <name>] [options] <file>

Signs that nodes may install an older version, or another board's bundle. Whoever has a permit can install with it, as
often as he likes, until it expires: name the node, and few days.

  --board <name>     whose bundle it is: virt, or as RAUC has it, umec-virt
  --version <v>      the oldest version that is let in
  --days <n>         how long it is good, from now
  --node <name>      for this node alone; for all if none is named
  --cert, --key, --keyring   as node image/ota/make.ts --help tells
`;

const text = { type: "string" } as const;
const options = {
  board: text,
  version: text,
  days: text,
  node: text,
  cert: text,
  key: text,
  keyring: text,
  help: { type: "boolean", short: "h" },
} as const;

try {
  const { values, positionals } = parseArgs({ allowPositionals: true, options });
  const { board, version, days, node, cert, key, keyring, help } = values;
  const [file] = positionals;
  if (help) process.stdout.write(usage);
  else if (!board || !version || !days || !file || positionals.length > 1)
    refuse("it takes --board, --version, --days and one file");
  else if (!isSemver(version)) refuse(`"${version}" is no semantic version`);
  else if (!/^[1-9]\d{0,3}$/.test(days)) refuse(`"${days}" is no number of days from 1 to 9999`);
  else if (![board, node ?? "n"].every((word) => /^[a-z0-9][a-z0-9-]*$/.test(word)))
    refuse("names have lower-case letters, digits and dashes alone");
  else {
    const signer = await signerFrom({
      ...(cert && { cert }),
      ...(key && { key }),
      ...(keyring && { keyring }),
    });
    const path = resolve(file);
    await mkdir(dirname(path), { recursive: true });
    const work = await mkdtemp(join(dirname(path), `.${basename(path)}.`));
    try {
      const permit = await makePermit(
        work,
        {
          compatible: board.startsWith("umec-") ? board : `umec-${board}`,
          version,
          expires: new Date(Date.now() + Number(days) * 86_400_000),
          ...(node && { node }),
        },
        signer,
      );
      await writeFile(join(work, "permit"), permit);
      await rename(join(work, "permit"), path);
      console.log(`${file}: ${version} for ${board}, ${node ?? "all nodes"}, ${days} days`);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }
} catch (error) {
  if ((error as { code?: unknown }).code?.toString().startsWith("ERR_PARSE_ARGS")) refuse(messageOf(error));
  else {
    process.stderr.write(`permit: ${messageOf(error)}\n`);
    if (isUmecError(error) && error.hint) process.stderr.write(`  ${error.hint}\n`);
    process.exitCode = 1;
  }
}

function refuse(message: string): void {
  process.stderr.write(`permit: ${message}\n\n${usage}`);
  process.exitCode = 2;
}
