/** `make image`: disk images into `dist/`. `node image/make.ts --help` tells the rest. */
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { root } from "../bundle/paths.ts";
import { isUmecError, messageOf } from "../runtime/errors.ts";
import { assembleImage, sizeLine } from "./assemble.ts";
import { boardNames } from "./boards.ts";
import { ensureBundle } from "./bundle-step.ts";
import { checkFootprint, comparedFootprint, footprintTable } from "./footprint.ts";
import { collectParts, describeParts } from "./parts.ts";
import { createSteps } from "./steps.ts";

const usage = `usage: node image/make.ts [--fast] [board…]

Makes dist/umec-<version>-<board>.img and what belongs to it (.zst, .bmap, .sha256, .json, .packages.txt).

  board     ${boardNames.join(", ")} or all; virt if none is named
  --fast    without the compressed image
  --check   fail when a slot grew by more than 3 % since the last release (image/footprint.json)

What takes long (tool root, kernel, Debian's packages, root slot) stays in \${XDG_CACHE_HOME:-~/.cache}/umec.
`;

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      fast: { type: "boolean", default: false },
      check: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const unknown = positionals.filter((name) => name !== "all" && !boardNames.some((known) => known === name));
  if (values.help) process.stdout.write(usage);
  else if (unknown.length > 0)
    refuse(`${unknown.join(", ")}: the boards are ${boardNames.join(", ")} and all`);
  else await make(positionals.length > 0 ? positionals : ["virt"], values);
} catch (error) {
  if (messageOf(error).startsWith("Unknown option")) refuse(messageOf(error));
  else fail(error);
}

async function make(
  named: readonly string[],
  { fast, check }: { fast: boolean; check: boolean },
): Promise<void> {
  const steps = createSteps((line) => console.log(line));
  const onMessage = (text: string) => void process.stderr.write(text);
  await steps.step("bundle", ensureBundle);
  const parts = await collectParts(steps, { onMessage });
  const sizes: string[] = [];
  for (const board of boardNames.filter((name) => named.includes("all") || named.includes(name))) {
    const { path, bytes } = await assembleImage({ board, parts, steps, fast, onMessage });
    for (const [file, size] of Object.entries(bytes)) {
      if (/\.(img|zst)$/.test(file)) sizes.push(sizeLine(join(relative(root, path), "..", file), size));
    }
  }
  console.log(`made in ${steps.elapsed()}, in dist/`);
  for (const line of sizes) console.log(line);
  const { kernel, initramfs, root: rootSlot } = await describeParts(parts);
  const figures = { rootSlotBytes: rootSlot.bytes, kernelSlotBytes: kernel.bytes + initramfs.bytes };
  if (check) await checkFootprint(figures, console.log);
  else console.log(footprintTable(await comparedFootprint(figures)));
}

function refuse(message: string): void {
  process.stderr.write(`image: ${message}\n\n${usage}`);
  process.exitCode = 2;
}

function fail(error: unknown): void {
  process.stderr.write(`image: ${messageOf(error)}\n`);
  if (isUmecError(error) && error.hint) process.stderr.write(`  ${error.hint}\n`);
  process.exitCode = 1;
}
