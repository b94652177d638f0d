import { addons } from "./addons.ts";
import { lockedAt, readLock } from "./packages.ts";

/** Version of each addon's npm package, by the addon's file name: a program's scripts fit only the same. */
export async function addonVersions(): Promise<Record<string, string>> {
  const lock = await readLock();
  const versions = addons.map((row) => [row.file, lockedAt(lock, `node_modules/${row.package}`).version]);
  return Object.fromEntries(versions.toSorted(([a = ""], [b = ""]) => (a < b ? -1 : 1)));
}
