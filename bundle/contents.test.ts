import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { createScratch } from "../runtime/test-scratch.ts";
import { here, makeTestBundle, type TestBundle } from "./test-bundle.ts";

interface Part {
  "bom-ref": string;
  name: string;
  group?: string;
  version: string;
  purl?: string;
  licenses?: { license?: { id: string }; expression?: string }[];
  hashes?: { alg: string; content: string }[];
  components?: Part[];
}

const scratch = createScratch();
let bundle: TestBundle;
let parts: Part[];
before(async () => {
  bundle = await makeTestBundle(await scratch());
  const sbom = JSON.parse(await readFile(join(bundle.dir, "sbom.cdx.json"), "utf8"));
  assert.deepEqual([sbom.bomFormat, sbom.specVersion, sbom.serialNumber], ["CycloneDX", "1.6", undefined]);
  parts = [sbom.metadata.component, ...sbom.components];
});

const fullName = ({ group, name }: Part) => (group === undefined ? name : `${group}/${name}`);

test("the SBOM lists each package that a script came from, and Node.js, nats-server and SQLite", () => {
  const packages = new Set<string>();
  for (const input of bundle.inputs) {
    const name = input
      .split("node_modules/")
      .at(-1)!
      .match(/^(@[^/]+\/)?[^/]+/)![0];
    if (input.includes("node_modules/")) packages.add(name);
  }
  assert.ok(packages.has("@nats-io/nats-core") && packages.has("ajv"));
  const names = parts.map(fullName);
  for (const name of [...packages, "node", "nats-server", "sqlite", "node-addon-api"])
    assert.ok(names.includes(name), name);
  assert.ok(!names.includes("typescript") && !names.includes("modbus-serial"));
  // Other code stands for them.
  assert.ok(!names.includes("typebox") && !names.includes("tweetnacl") && !names.includes("debug"));
});

test("each part has a version, an address, a licence and a name of its own", () => {
  const refs = parts.map((part) => part["bom-ref"]);
  assert.equal(new Set(refs).size, refs.length);
  for (const part of parts) {
    assert.match(part.version, /^\d+\.\d+\.\d+/, part.name);
    assert.match(part.purl!, /^pkg:(npm|deb|generic)\/[^@]+@\d/, part.name);
    const [licence] = part.licenses!;
    assert.match(licence!.license?.id ?? licence!.expression!, /^[A-Za-z0-9]/, part.name);
  }
  assert.ok(parts.some(({ purl }) => purl?.startsWith(`pkg:npm/node-linux-${here}@24.`)));
});

test("the hash of every file in lib/ is in the SBOM, and right", async () => {
  const files = parts.flatMap(({ components = [] }) => components);
  const named = new Set(files.map(({ name }) => name));
  for (const name of await readdir(join(bundle.dir, "lib"))) assert.ok(named.has(`lib/${name}`), name);
  for (const { name, hashes } of files) {
    const content = createHash("sha256")
      .update(await readFile(join(bundle.dir, name)))
      .digest("hex");
    assert.deepEqual(hashes, [{ alg: "SHA-256", content }], name);
  }
});

test("the text of each licence is in LICENSES.txt", async () => {
  const text = await readFile(join(bundle.dir, "LICENSES.txt"), "utf8");
  for (const part of parts) assert.ok(text.includes(`${fullName(part)} ${part.version} (`), part.name);
  for (const words of [
    "Copyright Node.js contributors",
    "of nats-server",
    "May you do good and not evil.",
    "Evgeny Poberezkin",
    "Apache License\n",
  ]) {
    assert.ok(text.includes(words), words);
  }
});
