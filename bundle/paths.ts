import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** An architecture in Node's own words. */
export type Architecture = "arm64" | "x64";

export const architectures: readonly Architecture[] = ["arm64", "x64"];

/** The tree that the bundle is made from. */
export const root = fileURLToPath(new URL("..", import.meta.url));

/** Where what was fetched stays: `${XDG_CACHE_HOME:-~/.cache}/umec`. */
export function cacheDir(env: Readonly<Record<string, string | undefined>> = process.env): string {
  return join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), ".cache"), "umec");
}
