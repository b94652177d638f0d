import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { join } from "node:path";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { createScratch } from "../runtime/test-scratch.ts";
import { readArtifact } from "../runtime/update/program/artifact.ts";
import { type Issued, issue } from "../runtime/update/program/test-pki.ts";
import { addonVersions } from "./addon-versions.ts";
import { makeProgramArtifact } from "./program-artifact.ts";
import { buildScripts } from "./scripts.ts";

const scratch = createScratch();
const make = fileURLToPath(new URL("program-artifact-make.ts", import.meta.url));
let dir: string;
let root: Issued;
let signer: Issued;
before(async () => {
  dir = await scratch();
  root = await issue(dir, "root", { ca: true });
  signer = await issue(dir, "signer", { by: root, key: "ed25519" });
});

test("a program is some half a megabyte, for every board, and what is read of it is what was built", async (t) => {
  const builtAt = new Date("2026-11-30T12:00:00Z");
  const { modules, operatorModules } = await buildScripts(undefined, "0.2.0");
  const ofNodes = new Map([...modules].filter(([name]) => !operatorModules.has(name)));
  const { certificate: certificates, sign } = signer;
  const options = { version: "0.2.0", builtAt, certificates, sign, files: ofNodes };
  const bytes = await makeProgramArtifact(options);
  t.diagnostic(`${bytes.length} bytes`);
  assert.ok(bytes.length < 700_000, `${bytes.length} bytes`);
  const { head, files } = readArtifact(bytes, { keyring: root.certificate });
  const { version, requires, main } = head.manifest;
  assert.deepEqual([version, main, requires.addons], ["0.2.0", "umec.mjs", await addonVersions()]);
  assert.ok(["umec.mjs", "outbox-thread.mjs"].every((name) => files.has(name)));

  // All that they load lies beside them or is Node.js's, but for what only an operator loads: nothing is looked for in folders
  // above.
  const at = await scratch();
  const hubs = [...operatorModules].map((name) => `./${name}`);
  for (const [name, content] of files) await writeFile(join(at, name), content);
  const { metafile } = await build({
    absWorkingDir: at,
    entryPoints: ["umec.mjs", "outbox-thread.mjs", "program-guard.mjs", "start.mjs"],
    ...{ bundle: true, write: false, outdir: "out", metafile: true, logLevel: "silent" },
    ...{ platform: "node", format: "esm", packages: "external", external: ["*.node", ...hubs] },
  });
  const loaded = Object.values(metafile.inputs).flatMap(({ imports }) => imports);
  assert.ok(loaded.length > 100);
  const known = new Set([...Object.keys(requires.addons).map((name) => `./${name}`), ...hubs]);
  const left = loaded.filter(({ external, path }) => external && !isBuiltin(path) && !known.has(path));
  assert.deepEqual([...new Set(left.map(({ path }) => path))], []);
  assert.deepEqual(Buffer.from(await makeProgramArtifact(options)), Buffer.from(bytes));
});

test("the tool signs with a key of a file, and takes the time of the sources", async () => {
  const out = join(dir, "out.umecjs");
  const args = [
    "--cert",
    signer.certificatePath,
    "--key",
    signer.keyPath,
    "--version",
    "1.2.3-rc.1",
    "--out",
    out,
  ];
  const env = { ...process.env, SOURCE_DATE_EPOCH: String(Math.floor(Date.now() / 1000)) };
  const { stdout } = await promisify(execFile)(process.execPath, [make, ...args], { env });
  assert.match(stdout, /out\.umecjs: 0\.\d+ MB\n$/);
  const { head } = readArtifact(await readFile(out), { keyring: root.certificate, nowMs: Date.now() });
  assert.equal(head.manifest.version, "1.2.3-rc.1");
  const names = head.manifest.files.map(({ name }) => name);
  assert.ok(names.includes("umec.mjs") && !names.some((name) => /^hub-serve/.test(name)));
  assert.equal(Date.parse(head.manifest.builtAt) / 1000, Number(env.SOURCE_DATE_EPOCH));
});

test("a key without its certificate, and a version that is none, are said", async () => {
  const run = (...args: string[]) => promisify(execFile)(process.execPath, [make, ...args]);
  await assert.rejects(run("--key", signer.keyPath), /--cert and --key come together/);
  const both = ["--cert", signer.certificatePath, "--key", signer.keyPath, "--out", join(dir, "none")];
  await assert.rejects(run(...both, "--version", "v1"), /"v1" is no semantic version/);
});
