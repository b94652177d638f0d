import assert from "node:assert/strict";
import { before, test } from "node:test";
import { zstdCompressSync } from "node:zlib";
import { createScratch } from "../../test-scratch.ts";
import { readArtifact } from "./artifact.ts";
import { type Issued, issue, stamp } from "./test-pki.ts";
import { testFiles, testProgram } from "./test-program.ts";

const scratch = createScratch();
const dayMs = 86_400_000;
let dir: string;
let root: Issued;
let signer: Issued;
before(async () => {
  dir = await scratch();
  root = await issue(dir, "root", { ca: true, from: stamp(-900), to: stamp(900) });
  signer = await issue(dir, "signer", { by: root, from: stamp(-300), to: stamp(300) });
});

const read = (bytes: Uint8Array, nowMs?: number) =>
  readArtifact(bytes, { keyring: root.certificate, ...(nowMs !== undefined && { nowMs }) });

function refusedFor(reason: RegExp, bytes: Uint8Array, nowMs?: number): void {
  assert.throws(
    () => read(bytes, nowMs),
    (error: Error & { code?: string }) => {
      assert.equal(error.code, "UPDATE_REFUSED", String(error));
      assert.match(error.message, reason);
      return true;
    },
  );
}

/** With the byte there turned over. */
function tampered(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at]! ^= 0x01;
  return copy;
}

for (const key of ["P-256", "rsa", "ed25519"] as const) {
  test(`a program that a key of ${key} signed is what was packed`, async () => {
    const by = await issue(dir, `by-${key}`, { by: root, key });
    const { head, files } = read(await testProgram({ by }), Date.now());
    assert.equal(head.manifest.version, "0.2.0");
    const texts = [...files].map(([name, content]) => [name, Buffer.from(content).toString()]);
    assert.deepEqual(Object.fromEntries(texts), testFiles);
  });
}

test("each single byte that is another is refused, and so is each program that is cut off", async () => {
  const bytes = await testProgram({ by: signer });
  read(bytes);
  let known = 0;
  for (let at = 0; at < bytes.length; at++) {
    let message = "";
    try {
      read(tampered(bytes, at));
      // In PEM the line ends and what is around the blocks carry nothing.
      const text = bytes.toString("latin1");
      const begin = text.indexOf("-----BEGIN");
      assert.ok(
        at >= begin && at < text.indexOf("-----END CERTIFICATE-----") + 26,
        `byte ${at} may be changed`,
      );
    } catch (error) {
      message = (error as Error).message;
      assert.equal((error as { code?: string }).code, "UPDATE_REFUSED", `byte ${at}: ${error}`);
    }
    if (message !== "") known++;
  }
  assert.ok(known > bytes.length - 64, `${bytes.length - known} bytes may be changed`);
  for (let length = 0; length < bytes.length; length += 7)
    refusedFor(/cut off|damaged/, bytes.subarray(0, length));
  refusedFor(/1 bytes follow its end/, Buffer.concat([bytes, Buffer.of(0)]));
});

test("what is refused says why", async (t) => {
  const whole = await testProgram({ by: signer });
  const at = (text: string) => whole.indexOf(text);
  const foreign = await issue(dir, "foreign-root", { ca: true });
  const stranger = await issue(dir, "stranger", { by: foreign });
  const server = await issue(dir, "server", { by: root, purpose: "serverAuth" });
  const old = await issue(dir, "old", { by: root, from: stamp(-400), to: stamp(-100) });
  const noCa = await issue(dir, "under-signer", { by: signer });
  const table: Record<string, [reason: RegExp, bytes: Buffer, nowMs?: number]> = {
    "nothing at all": [/cut off: it has 0 bytes/, Buffer.alloc(0)],
    "another file": [
      /no program of µMEC/,
      Buffer.from("PK\x03\x04 something else altogether, but long enough"),
    ],
    "a header with a wild length": [/header is damaged/, tampered(whole, 8)],
    "another manifest": [
      /manifest is not what "signer" signed/,
      tampered(whole, at('"version":"0.2.0"') + 14),
    ],
    "another signature": [/manifest is not what "signer" signed/, tampered(whole, at("-----END CERT") + 60)],
    "other files": [/not those that were signed/, tampered(whole, whole.length - 1)],
    "a foreign CA": [/"stranger", whom no CA .* vouches for/, await testProgram({ by: stranger })],
    "a foreign CA that comes along": [
      /"stranger", whom no CA .* vouches for/,
      await testProgram({ by: stranger, certificates: stranger.certificate + foreign.certificate }),
    ],
    "a signer as a CA": [
      /"under-signer", whom no CA/,
      await testProgram({ by: noCa, certificates: noCa.certificate + signer.certificate }),
    ],
    "another's certificate": [
      /not what "signer" signed/,
      await testProgram({ by: stranger, certificates: signer.certificate }),
    ],
    "no certificate": [/has no certificate/, await testProgram({ by: signer, certificates: "" })],
    "a certificate for servers": [/"server" is not for signing code/, await testProgram({ by: server })],
    "a certificate that had expired": [/"old" was expired when it was built/, await testProgram({ by: old })],
    "a certificate that is expired now": [
      /"old" was expired now/,
      await testProgram({ by: old, builtAt: new Date(Date.now() - 200 * dayMs) }),
      Date.now(),
    ],
    "a certificate that was not yet valid": [
      /"signer" was not yet valid when it was built/,
      await testProgram({ by: signer, builtAt: new Date(Date.now() - 500 * dayMs) }),
    ],
    "a time to come": [
      /which is to come/,
      await testProgram({ by: signer, builtAt: new Date(Date.now() + dayMs) }),
      Date.now(),
    ],
    "a later format": [
      /format is 2/,
      await testProgram({ by: signer, edit: (manifest) => Object.assign(manifest, { format: 2 }) }),
    ],
    "a version that is none": [
      /"1.2" is no semantic version/,
      await testProgram({ by: signer, version: "1.2" }),
    ],
    "a path": [
      /no list of files/,
      await testProgram({ by: signer, files: { "umec.mjs": "", "../../etc/x.mjs": "" } }),
    ],
    "no main file": [
      /main file "umec.mjs" is not in it/,
      await testProgram({ by: signer, files: { "a.mjs": "" } }),
    ],
    "more than it says": [
      /can't be unpacked|bytes, its manifest says/,
      await testProgram({ by: signer, payload: zstdCompressSync(Buffer.alloc(64 * 2 ** 20)) }),
    ],
  };
  for (const [name, [reason, bytes, nowMs]] of Object.entries(table))
    await t.test(name, () => refusedFor(reason, bytes, nowMs));
});

test("one that was taken stays good when its certificate expires, and comes with a CA between", async () => {
  const old = await issue(dir, "retired", { by: root, from: stamp(-400), to: stamp(-100) });
  const bytes = await testProgram({ by: old, builtAt: new Date(Date.now() - 200 * dayMs) });
  assert.equal(read(bytes).files.size, 2);
  const between = await issue(dir, "between", { by: root, ca: true });
  const by = await issue(dir, "leaf", { by: between });
  assert.equal(
    read(await testProgram({ by, certificates: by.certificate + between.certificate })).files.size,
    2,
  );
  refusedFor(/"leaf", whom no CA/, await testProgram({ by }));
});
