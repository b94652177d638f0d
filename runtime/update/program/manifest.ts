import { createHash } from "node:crypto";
import { UmecError } from "../../errors.ts";
import { isSemver } from "../semver.ts";
import { isRange } from "./range.ts";

/** What a program says of itself; its bytes are what is signed. */
export interface ProgramManifest {
  format: 1;
  /** Semantic version. */
  version: string;
  /** When it was built, as ISO 8601 in UTC. The certificate must have been valid then. */
  builtAt: string;
  requires: {
    /** Range of Node.js's version. */
    node: string;
    /** Range of the version of the system in the root slot. */
    system: string;
    /** Version of the npm package of each native addon, by the addon's file name; just these must be in the slot. */
    addons: Readonly<Record<string, string>>;
  };
  /** The record (handover/record.ts) that it takes over from the process before. Left out: none. */
  handover?: number;
  /** The file that is run. */
  main: string;
  /** The files, one after another, as one zstd stream. */
  payload: { bytes: number; sha256: string };
  files: readonly ProgramFile[];
}

export interface ProgramFile {
  /** Without folders. */
  name: string;
  bytes: number;
  /** Lower-case hex. */
  sha256: string;
}

/** Of all files together; a program is 1.5 MB. */
const mostBytes = 16 * 2 ** 20;
const mostFiles = 1_000;
const fileName = /^[A-Za-z0-9_][A-Za-z0-9_-]{0,99}\.mjs$/;
const addonName = /^[A-Za-z0-9_][A-Za-z0-9_-]{0,99}\.node$/;
const hash = /^[0-9a-f]{64}$/;

/** @throws UmecError `UPDATE_REFUSED` */
export function parseManifest(bytes: Uint8Array): ProgramManifest {
  let value: Partial<ProgramManifest> | null;
  try {
    value = JSON.parse(Buffer.from(bytes).toString());
  } catch {
    throw refused("its manifest is no JSON");
  }
  if (value?.format !== 1)
    throw refused(`its format is ${JSON.stringify(value?.format)}; this system reads 1`);
  const { version, builtAt, requires, main, payload, files } = value;
  if (typeof version !== "string" || !isSemver(version))
    throw refused(`its version ${JSON.stringify(version)} is no semantic version`);
  if (typeof builtAt !== "string" || Number.isNaN(Date.parse(builtAt)))
    throw refused("its manifest does not say when it was built");
  if (!isRange(requires?.node) || !isRange(requires.system) || !isTable(requires.addons))
    throw refused("its manifest does not say what it requires");
  if (!isSized(payload)) throw refused("its manifest does not say how long its files are");
  if (!Array.isArray(files) || files.length > mostFiles || !files.every(isFile))
    throw refused("its manifest has no list of files");
  if (new Set(files.map(({ name }) => name)).size < files.length)
    throw refused("it has two files of one name");
  if (!files.some(({ name }) => name === main))
    throw refused(`its main file ${JSON.stringify(main)} is not in it`);
  if (filesBytes({ files }) > mostBytes) throw refused(`its files have more than ${mostBytes} bytes`);
  return value as ProgramManifest;
}

/** How long the files are together. */
export function filesBytes({ files }: Pick<ProgramManifest, "files">): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** SHA-256, in lower-case hex. */
export function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Why a program is not taken. */
export function refused(reason: string, options: { cause?: unknown; hint?: string } = {}): UmecError {
  return new UmecError("UPDATE_REFUSED", `the program is refused: ${reason}`, options);
}

function isFile(value: unknown): value is ProgramFile {
  const { name } = (value ?? {}) as Partial<ProgramFile>;
  return isSized(value) && typeof name === "string" && fileName.test(name);
}

function isSized(value: unknown): value is { bytes: number; sha256: string } {
  const { bytes, sha256 } = (value ?? {}) as Partial<ProgramFile>;
  return Number.isSafeInteger(bytes) && bytes! >= 0 && typeof sha256 === "string" && hash.test(sha256);
}

function isTable(value: unknown): value is Record<string, string> {
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).every(
    ([name, version]) => addonName.test(name) && typeof version === "string",
  );
}
