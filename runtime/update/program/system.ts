/** What the root slot offers to a program, and whether a program fits it. */
import { readFileSync } from "node:fs";
import { UmecError } from "../../errors.ts";
import { compareSemver } from "../semver.ts";
import { type ProgramManifest, refused } from "./manifest.ts";
import { satisfies } from "./range.ts";

export interface System {
  /** Of the root slot's own scripts. */
  version: string;
  /** Node.js's. */
  node: string;
  /** Version of the npm package of each native addon, by the addon's file name. */
  addons: Readonly<Record<string, string>>;
  /** As of a program's manifest. */
  handover?: number;
}

/** Beside a bundle's `VERSION`. */
export const systemFileName = "system.json";

/** @throws UmecError `PROGRAM_SYSTEM` where there is no such file, as in a clone */
export function readSystem(path: string): System {
  try {
    const { version, addons, handover } = JSON.parse(readFileSync(path, "utf8")) as System;
    return { version, addons, node: process.versions.node, ...(handover !== undefined && { handover }) };
  } catch (cause) {
    throw new UmecError("PROGRAM_SYSTEM", `${path} can't be read: what runs here is no bundle`, { cause });
  }
}

/** Throws `UPDATE_REFUSED` with why a program can't run on this system. */
export function requireFit({ version, requires }: ProgramManifest, system: System): void {
  if (!satisfies(system.node, requires.node))
    throw refused(`${version} needs Node.js ${requires.node}, and here is ${system.node}`, { hint });
  if (!satisfies(system.version, requires.system))
    throw refused(`${version} needs a system ${requires.system}, and here is ${system.version}`, { hint });
  for (const [file, wanted] of Object.entries(requires.addons)) {
    const here = system.addons[file];
    if (here !== wanted)
      throw refused(`${version} needs ${file} of version ${wanted}, and here is ${here ?? "none"}`, { hint });
  }
}

/** Whether the root slot's own scripts are the ones to run: they are as new as the program, or newer. */
export function isVoid(version: string, system: System): boolean {
  const order = compareSemver(version, system.version);
  return order === undefined || order <= 0;
}

const hint = "update the whole system";
