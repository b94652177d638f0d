import { execFile } from "node:child_process";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "../bundle/paths.ts";
import { UmecError } from "../runtime/errors.ts";

const sources = ["bundle", "drivers", "runtime", "package.json", "package-lock.json"];

/** Makes `dist/umec-linux-arm64` if it is missing or older than what it is made from. Throws `IMAGE_BUNDLE_FAILED`. */
export async function ensureBundle(): Promise<void> {
  const made = await timeOf(join(root, "dist/umec-linux-arm64/VERSION"));
  if (made !== undefined && made >= (await newestSource())) return;
  try {
    await promisify(execFile)(process.execPath, [join(root, "bundle/make.ts"), "arm64"], {
      maxBuffer: 64 << 20,
    });
  } catch (cause) {
    const { stderr = "" } = cause as { stderr?: string };
    throw new UmecError("IMAGE_BUNDLE_FAILED", `the bundle was not made\n  ${stderr.trim()}`, { cause });
  }
}

async function newestSource(): Promise<number> {
  let newest = 0;
  for (const source of sources) {
    const path = join(root, source);
    const inside = (await stat(path)).isDirectory() ? await readdir(path, { recursive: true }) : [];
    // Tests and documents are not part of it.
    const files = inside.filter((name) => !/\.test\.ts$|\.md$/.test(name)).map((name) => join(path, name));
    for (const file of [path, ...files]) newest = Math.max(newest, (await timeOf(file)) ?? 0);
  }
  return newest;
}

/** When a file was changed, in ms since 1970. Folders don't count: any test's passing file would. */
async function timeOf(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() ? found.mtimeMs : undefined;
}
