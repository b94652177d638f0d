/** What RAUC, as it is set up on a node, and we before it say to a bundle that is not as it should be. */
import assert from "node:assert/strict";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { isUmecError, messageOf } from "../../runtime/errors.ts";
import { createScratch } from "../../runtime/test-scratch.ts";
import { readBundleFile } from "../../runtime/update/bundle-file.ts";
import { wordsFor } from "../../runtime/update/rauc-words.ts";
import { inToolRoot } from "../tool.ts";
import { signBundle, systemConf } from "./sign.ts";
import type { Signer } from "./signer.ts";
import { addCertificate, createPki } from "./test-pki.ts";

const scratch = createScratch();
const { signal } = new AbortController();
let pki: Signer & { dir: string };
let sound: Buffer;

/** A bundle with small images, signed as it is asked for. */
async function bundle(signer: Signer): Promise<Buffer> {
  const work = await scratch();
  await mkdir(join(work, "content"));
  for (const slot of ["rootfs", "boot"]) {
    const image = Buffer.alloc(1 << 20, `${slot} is not compressed. `);
    await writeFile(join(work, "content", `${slot}.img`), image);
  }
  const images = { rootfs: "rootfs.img", boot: "boot.img" };
  const manifest = { compatible: "umec-virt", version: "1.4.0", build: "0123456789abcdef", images };
  return readFile(await signBundle(work, manifest, signer));
}

/** As RAUC takes it on a node that has the PKI's keyring. */
async function rauc(file: Uint8Array): Promise<string> {
  const dir = await scratch();
  await writeFile(join(dir, "b.raucb"), file);
  const conf = { compatible: "umec-virt", keyring: join(pki.dir, "keyring.pem"), dataDirectory: dir };
  await writeFile(join(dir, "system.conf"), await systemConf(conf));
  const command = ["rauc", "--conf=system.conf", "info", "--output-format=json", "b.raucb"];
  return inToolRoot(command, { cwd: dir, bind: [pki.dir] });
}

async function ours(file: Uint8Array) {
  const path = join(await scratch(), "b.raucb");
  await writeFile(path, file);
  return readBundleFile(path, signal);
}

function flipped(at: number): Buffer {
  const file = Buffer.from(sound);
  file[at < 0 ? file.length + at : at]! ^= 1;
  return file;
}

function lengthOfSignature(): number {
  return Number(sound.readBigUInt64BE(sound.length - 8));
}

before(async () => {
  pki = await createPki(await scratch());
  sound = await bundle(pki);
});

test("a sound bundle is taken, and both say the same of it", async () => {
  const said = JSON.parse(await rauc(sound));
  const { version, compatible, bytes } = await ours(sound);
  assert.deepEqual([said.version, said.compatible, said.build], ["1.4.0", "umec-virt", "0123456789abcdef"]);
  assert.deepEqual([version, compatible, bytes], ["1.4.0", "umec-virt", sound.length]);
});

test("its images lie in it as they are, in one piece", () => {
  const image = Buffer.alloc(1 << 20, "rootfs is not compressed. ");
  assert.ok(sound.includes(image));
});

const damages: [name: string, file: () => Buffer, refused: RegExp][] = [
  ["header", () => flipped(1), /no bundle/],
  ["header, further on", () => flipped(40), /damaged: its content/],
  ["payload", () => flipped(1_000_000), /damaged: its content/],
  ["hash tree", () => flipped(-lengthOfSignature() - 8 - 4096), /damaged: its content/],
  [
    "manifest",
    () => {
      const at = sound.lastIndexOf("version=1.4.0") + "version=".length;
      const file = Buffer.from(sound);
      file.write("9", at);
      return file;
    },
    /signature does not fit/,
  ],
  ["signature", () => flipped(-40), /signature does not fit/],
  ["end", () => sound.subarray(0, -1), /torn|no bundle/],
  ["second half", () => sound.subarray(0, sound.length / 2), /torn|no bundle/],
  ["everything", () => Buffer.alloc(0), /no bundle/],
];

for (const [name, file, expected] of damages) {
  test(`a bundle with a fault in its ${name} is refused before anything is written`, async () => {
    const refused = await ours(file()).then(
      () => rauc(file()).then(() => "", messageOf),
      (error) => (isUmecError(error, "UPDATE_REFUSED") ? error.message : `not refused: ${error}`),
    );
    assert.match(wordsFor(refused), expected);
  });
}

test("a bundle that somebody else has signed is refused", async () => {
  const other = await createPki(await scratch());
  const error = await rauc(await bundle(other)).catch(messageOf);
  assert.match(wordsFor(error), /signed by somebody whom this node does not know/);
});

test("a certificate that is not for code signing is refused, at the signer and on the node", async () => {
  const mail = await addCertificate(pki.dir, "mail", { usage: "emailProtection" });
  await assert.rejects(bundle(mail), /purpose/);
  assert.match(wordsFor(await rauc(await signAnyway(mail)).catch(messageOf)), /not for code signing/);
});

test("what was signed with an expired certificate is refused, whatever the node's clock says", async () => {
  const days = ["-not_before", "20240101000000Z", "-not_after", "20240201000000Z"];
  const expired = await addCertificate(pki.dir, "expired", { days });
  await assert.rejects(bundle(expired), /expired/);
  const file = await signAnyway(expired);
  assert.match(wordsFor(await rauc(file).catch(messageOf)), /had expired when the bundle was signed/);
});

test("what was signed in time is taken when the certificate has expired since", async () => {
  const soon = new Date(Date.now() + 3000).toISOString().replace(/[-:T]|\.\d+/g, "");
  const brief = await addCertificate(pki.dir, "brief", {
    days: ["-not_before", "20240101000000Z", "-not_after", soon],
  });
  const file = await bundle(brief);
  const verify = ["openssl", "verify", "-purpose", "any", "-CAfile", "ca.pem", "brief.pem"];
  while (await inToolRoot(verify, { cwd: pki.dir }).catch(() => undefined));
  assert.equal(JSON.parse(await rauc(file)).version, "1.4.0");
});

/** Without a keyring RAUC does not verify what it signs; an attacker would not either. */
async function signAnyway(signer: Signer): Promise<Buffer> {
  const work = await scratch();
  await cp(signer.cert, join(work, "cert.pem"));
  await writeFile(join(work, "sound.raucb"), sound);
  const as = ["--cert=cert.pem", `--key=${signer.key}`];
  const command = ["rauc", ...as, "resign", "--no-verify", "sound.raucb", "out.raucb"];
  await inToolRoot(command, { cwd: work, bind: [pki.dir] });
  return readFile(join(work, "out.raucb"));
}
