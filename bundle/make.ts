/** `make bundle`: what is shipped, into `dist/`. Architectures may be named: `node bundle/make.ts x64`. */
import { readdir, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { messageOf } from "../runtime/errors.ts";
import { makeBundle } from "./bundle.ts";
import { natsPackage } from "./nats-package.ts";
import { architectures, root } from "./paths.ts";

const named = process.argv.slice(2);
const unknown = named.filter((name) => !architectures.some((known) => known === name));
if (unknown.length > 0) {
  process.stderr.write(
    `bundle: ${unknown.join(", ")}: the architectures are ${architectures.join(" and ")}\n`,
  );
  process.exit(2);
}
try {
  for (const architecture of architectures.filter((name) => named.length === 0 || named.includes(name))) {
    const outDir = join(root, "dist", `umec-linux-${architecture}`);
    const nats = await natsPackage(architecture);
    const { scriptBytes, operatorBytes } = await makeBundle({ architecture, outDir, nats });
    const megabytes = ((await sizeOf(outDir)) / 1e6).toFixed(1);
    const [scripts, operators] = [scriptBytes, operatorBytes].map((bytes) => (bytes / 1e6).toFixed(2));
    console.log(
      `${relative(root, outDir)}: ${megabytes} MB, scripts ${scripts} MB, ${operators} MB of them only an operator's`,
    );
  }
} catch (error) {
  process.stderr.write(`bundle: ${messageOf(error)}\n`);
  process.exitCode = 1;
}

async function sizeOf(dir: string): Promise<number> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(
    files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
