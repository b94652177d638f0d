import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { UmecError } from "../../runtime/errors.ts";

const dist = fileURLToPath(new URL("../../dist", import.meta.url));

/** The newest image of a board in `dist/`. @throws UmecError `IMAGE_MISSING` */
export async function newestImage(board: string, dir = dist): Promise<string> {
  const names = await readdir(dir).catch((): string[] => []);
  const images = names.filter((name) => name.startsWith("umec-") && name.endsWith(`-${board}.img`));
  const dated = await Promise.all(
    images.map(async (name) => ({ path: join(dir, name), atMs: (await stat(join(dir, name))).mtimeMs })),
  );
  const newest = dated.sort((one, other) => other.atMs - one.atMs)[0];
  if (newest) return newest.path;
  throw new UmecError("IMAGE_MISSING", `there is no umec-<version>-${board}.img in ${dir}`, {
    hint: `make it with: make image BOARD=${board}`,
  });
}
