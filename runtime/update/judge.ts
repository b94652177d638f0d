import { UmecError } from "../errors.ts";
import { compareSemver, isSemver } from "./semver.ts";
import type { BundleInfo } from "./types.ts";

/** What a maintainer has signed for: this version, for boards of this kind. */
export interface Permit {
  readonly compatible: string;
  readonly version: string;
}

export interface JudgeOptions {
  /** What this machine is. */
  compatible: string;
  /** The version that runs. @default not known, so that every version is taken */
  running?: string;
  /** @default none */
  permit?: Permit;
}

/**
 * Lets a bundle in that is for this machine and not older than what runs; a permit lets in what it names.
 *
 * @throws UmecError `UPDATE_REFUSED`
 */
export function judgeBundle(
  bundle: Pick<BundleInfo, "compatible" | "version">,
  { compatible, running, permit }: JudgeOptions,
): void {
  if (!isSemver(bundle.version)) {
    throw refused(`"${bundle.version}" is no version as semver 2.0.0 has them`);
  }
  if (permit?.compatible === bundle.compatible && permit.version === bundle.version) return;
  const other = permit && `; the permit is for ${permit.version} on ${permit.compatible}`;
  if (bundle.compatible !== compatible) {
    throw refused(`the bundle is for ${bundle.compatible}, and this is ${compatible}${other ?? ""}`);
  }
  if (running !== undefined && (compareSemver(bundle.version, running) ?? 0) < 0) {
    throw refused(`${bundle.version} is older than ${running}, which runs${other ?? ""}`);
  }
}

function refused(reason: string): UmecError {
  return new UmecError("UPDATE_REFUSED", reason, {
    hint: "a maintainer can sign a permit for it: node image/ota/permit.ts --help",
  });
}
