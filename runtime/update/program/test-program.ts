/** Small signed programs, and a system that they fit, for tests. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import { bytesToSign, encodeArtifact } from "./artifact.ts";
import { type ProgramManifest, sha256Of } from "./manifest.ts";
import type { System } from "./system.ts";
import type { Issued } from "./test-pki.ts";

export const testSystem: System = {
  version: "0.1.0",
  node: process.versions.node,
  addons: { "x.node": "1.2.3" },
};

export interface TestProgramOptions {
  by: Issued;
  /** @default "0.2.0" */
  version?: string;
  builtAt?: Date;
  requires?: Partial<ProgramManifest["requires"]>;
  files?: Readonly<Record<string, string>>;
  /** Changes the manifest before it is signed. */
  edit?: (manifest: Record<string, unknown>) => void;
  /** PEM instead of the signer's own. */
  certificates?: string;
  payload?: Uint8Array;
}

export const testFiles = { "umec.mjs": 'globalThis.ran = "new";\n', "other-ABC.mjs": "export default 1;\n" };

export async function testProgram(options: TestProgramOptions): Promise<Buffer> {
  const { by, version = "0.2.0", builtAt = new Date(), requires, edit } = options;
  const files = Object.entries(options.files ?? testFiles).map(
    ([name, text]) => [name, Buffer.from(text)] as const,
  );
  const payload = options.payload ?? zstdCompressSync(Buffer.concat(files.map(([, content]) => content)));
  const manifest: ProgramManifest = {
    format: 1,
    version,
    builtAt: builtAt.toISOString(),
    requires: { node: ">=24.0.0", system: ">=0.1.0", addons: testSystem.addons, ...requires },
    main: "umec.mjs",
    payload: { bytes: payload.length, sha256: sha256Of(payload) },
    files: files.map(([name, content]) => ({ name, bytes: content.length, sha256: sha256Of(content) })),
  };
  edit?.(manifest as unknown as Record<string, unknown>);
  const text = Buffer.from(JSON.stringify(manifest));
  const certificates = Buffer.from(options.certificates ?? by.certificate);
  const signature = await by.sign(bytesToSign(text));
  return Buffer.from(encodeArtifact({ manifest: text, certificates, signature, payload }));
}

export async function writeTestProgram(dir: string, options: TestProgramOptions): Promise<string> {
  const path = join(dir, `${options.version ?? "0.2.0"}.umecjs`);
  await writeFile(path, await testProgram(options));
  return path;
}
