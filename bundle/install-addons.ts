/**
 * `make addons`: builds what npm packages ship as sources alone, for this machine, and puts it where they look for
 * it. So the drivers that need it run from a clone, too.
 */
import { copyFile, mkdir, rename } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { messageOf } from "../runtime/errors.ts";
import { addonCode, compiledAddons } from "./build-addons.ts";
import { architectures, root } from "./paths.ts";

try {
  const architecture = architectures.find((name) => name === process.arch);
  if (!architecture) throw new Error(`this machine is ${process.arch}, not ${architectures.join(" or ")}`);
  for (const addon of compiledAddons) {
    const place = join(root, "node_modules", addon.package, "build/Release", addon.file);
    await mkdir(dirname(place), { recursive: true });
    await copyFile(await addonCode(addon, { architecture }), `${place}.new`);
    await rename(`${place}.new`, place);
    console.log(relative(root, place));
  }
} catch (error) {
  process.stderr.write(`addons: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
