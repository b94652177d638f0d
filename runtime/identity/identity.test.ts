import assert from "node:assert/strict";
import { createPublicKey, hkdfSync, randomBytes, verify } from "node:crypto";
import { chmod, mkdir, readdir, readFile, rename, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";
import { fromPublic, fromSeed } from "@nats-io/nkeys";
import { isUmecError } from "../errors.ts";
import { type Log, silentLog } from "../log.ts";
import { createScratch } from "../test-scratch.ts";
import { openIdentity, readKek, seedName } from "./identity.ts";

const scratch = createScratch();
const keysDir = async () => join(await scratch(), "data", "keys");
const opened = (dir: string, kek?: Uint8Array) => openIdentity({ dir, kek, log: silentLog });
const textOf = (dir: string) => readFile(join(dir, seedName), "utf8");
const seedOf = async (dir: string) => Buffer.from(JSON.parse(await textOf(dir)).seed, "base64url");

function rejects(promise: Promise<unknown>, code: string, message: RegExp): Promise<void> {
  return assert.rejects(promise, (error) => {
    assert.ok(isUmecError(error, code), inspect(error));
    assert.match(`${error.message} (${error.hint})`, message);
    return true;
  });
}

test("a node makes its seed once, for its owner alone, and is the same at each start", async () => {
  const dir = await keysDir();
  const first = await opened(dir);
  assert.equal((await stat(dir)).mode & 0o777, 0o700);
  assert.equal((await stat(join(dir, seedName))).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(dir), [seedName]);
  assert.equal(first.bound, false);
  assert.deepEqual((await opened(dir)).keys, first.keys);
  assert.notDeepEqual((await opened(await keysDir())).keys, first.keys);
});

test("the three keys are the HKDF-SHA256 of the seed by their names, and do what they are for", async () => {
  const dir = await keysDir();
  const { keys, link, sign } = await opened(dir).then((identity) => ({
    keys: identity.keys,
    link: identity.link,
    sign: (message: Uint8Array) => identity.sign(message),
  }));
  const seed = await seedOf(dir);
  const message = Buffer.from("who is there?");

  const publicOf = (oid: string, info: string) => {
    const head = Buffer.from(`302e020100300506032b65${oid}04220420`, "hex");
    const der = Buffer.concat([head, Buffer.from(hkdfSync("sha256", seed, "", info, 32))]);
    return createPublicKey({ key: der, format: "der", type: "pkcs8" } as never).export({ format: "jwk" }).x;
  };
  assert.equal(keys.sign, publicOf("70", "umec sign"));
  assert.equal(keys.seal, publicOf("6e", "umec seal"));
  assert.match(keys.link, /^U[A-Z2-7]{55}$/);
  const linkBytes = fromSeed(link.getSeed()).getPublicKey();
  assert.equal(linkBytes, keys.link);
  assert.equal(rawOfNkey(keys.link), publicOf("70", "umec link"));

  assert.ok(fromPublic(keys.link).verify(message, link.sign(message)));
  const signature = sign(message);
  assert.equal(signature.length, 64);
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: keys.sign }, format: "jwk" });
  assert.ok(verify(null, message, key, signature));
});

test("a file that is damaged at any byte is refused, and left as it is", async () => {
  for (const kek of [undefined, randomBytes(32)]) {
    const dir = await keysDir();
    const { keys } = await opened(dir, kek);
    const whole = await readFile(join(dir, seedName));
    for (let at = 0; at < whole.length - 1; at++) {
      const damaged = Buffer.from(whole);
      damaged[at]! ^= 1;
      await writeFile(join(dir, seedName), damaged);
      const again = await opened(dir, kek).catch((error: unknown) => error);
      // A bit that tells nothing: the case of a letter in a name that nobody reads does not exist.
      assert.ok(isUmecError(again), `byte ${at} of ${whole.toString()}`);
      assert.match(again.code, /^IDENTITY_(DAMAGED|SEALED|VERSION)$/);
      assert.deepEqual(await readFile(join(dir, seedName)), damaged);
    }
    for (const length of [0, 1, whole.length / 2]) {
      await writeFile(join(dir, seedName), whole.subarray(0, length));
      await rejects(opened(dir, kek), "IDENTITY_DAMAGED", /node\.seed is damaged: .*put it back from a copy/);
    }
    await writeFile(join(dir, seedName), whole);
    assert.deepEqual((await opened(dir, kek)).keys, keys);
  }
});

test("a file of a later version is refused", async () => {
  const dir = await keysDir();
  await opened(dir);
  await writeFile(join(dir, seedName), `${JSON.stringify({ version: 2, wonders: true })}\n`);
  await rejects(opened(dir), "IDENTITY_VERSION", /later version \(2\)/);
});

test("keys that others may read or change are refused, with what to do", async () => {
  const dir = await keysDir();
  await opened(dir);
  const path = join(dir, seedName);
  for (const mode of [0o640, 0o604, 0o620]) {
    await chmod(path, mode);
    await rejects(opened(dir), "IDENTITY_EXPOSED", new RegExp(`mode is 0${mode.toString(8)}.*chmod 600`));
  }
  await chmod(path, 0o600);
  await chmod(dir, 0o770);
  await rejects(opened(dir), "IDENTITY_EXPOSED", /mode is 0770, so others may change it.*chmod 700/);
  await chmod(dir, 0o700);
  await opened(dir);
});

test("what is no file of its own is refused", async () => {
  const dir = await keysDir();
  await opened(dir);
  await rename(join(dir, seedName), join(dir, "elsewhere"));
  await symlink("elsewhere", join(dir, seedName));
  await rejects(opened(dir), "IDENTITY_UNREADABLE", /can't be opened/);

  const other = await keysDir();
  await mkdir(join(other, seedName), { recursive: true, mode: 0o700 });
  await rejects(opened(other), "IDENTITY_UNREADABLE", /can't be opened/);
});

test("with a key the seed is sealed: nothing of it is in the file, and no other key opens it", async () => {
  const dir = await keysDir();
  const kek = randomBytes(32);
  const { keys, bound } = await opened(dir, kek);
  assert.equal(bound, true);
  assert.deepEqual(Object.keys(JSON.parse(await textOf(dir))), ["version", "link", "sealed"]);
  assert.deepEqual((await opened(dir, kek)).keys, keys);
  await rejects(opened(dir), "IDENTITY_SEALED", /its key is not there .*umec-kek/);
  await rejects(opened(dir, randomBytes(32)), "IDENTITY_SEALED", /sealed by another key, or is damaged/);
  await rejects(opened(dir, randomBytes(16)), "IDENTITY_KEK", /has 16 bytes, not 32/);
});

test("a plain seed is sealed when a key is there, and the plain file's bytes are overwritten", async () => {
  const dir = await keysDir();
  const { keys } = await opened(dir);
  const plain = await textOf(dir);
  // A name that keeps the old file within reach, as its blocks are within that of who copies the card.
  const { link } = await import("node:fs/promises");
  await link(join(dir, seedName), join(dir, "blocks"));
  const kek = randomBytes(32);
  const sealed = await opened(dir, kek);
  assert.deepEqual(sealed.keys, keys);
  assert.equal(sealed.bound, true);
  const seed = JSON.parse(plain).seed;
  assert.ok(!(await textOf(dir)).includes(seed));
  assert.deepEqual(await readFile(join(dir, "blocks")), Buffer.alloc(plain.length));
  assert.equal((await opened(dir, kek)).bound, true);
});

test("nothing secret of an identity can be printed or logged", async () => {
  const told: unknown[] = [];
  const tell = (...args: unknown[]) => void told.push(args);
  const log: Log = { debug: tell, info: tell, warn: tell, error: tell, child: () => log };
  const dir = await keysDir();
  const identity = await openIdentity({ dir, log });
  const seed = await seedOf(dir);
  const kek = randomBytes(32);
  await openIdentity({ dir, kek, log });
  const failure = await openIdentity({ dir, kek: randomBytes(32), log }).catch((error: unknown) => error);

  const deep = { depth: 20, showHidden: true, getters: true } as const;
  const printed = [
    inspect(identity, deep),
    inspect(identity.link, deep),
    JSON.stringify(identity),
    JSON.stringify(identity.link),
    JSON.stringify({ ...identity }),
    inspect(told, deep),
    inspect(failure, deep),
  ].join("\n");
  assert.ok(printed.includes(identity.keys.sign));
  const derived = ["umec link", "umec sign", "umec seal"].map((info) =>
    Buffer.from(hkdfSync("sha256", seed, "", info, 32)),
  );
  const texts = (bytes: Buffer) => [
    bytes.toString("hex"),
    bytes.toString("hex").replace(/..(?!$)/g, "$& "),
    bytes.toString("base64"),
    bytes.toString("base64url"),
    [...bytes].join(", "),
  ];
  for (const secret of [seed, kek, ...derived].flatMap(texts))
    assert.ok(!printed.includes(secret.slice(0, 20)));
  assert.ok(!printed.includes(Buffer.from(identity.link.getSeed()).toString()));
});

test("the key-encryption key is the service manager's credential", async () => {
  const dir = await scratch();
  const env = { CREDENTIALS_DIRECTORY: dir };
  assert.equal(await readKek({}), undefined);
  assert.equal(await readKek(env), undefined);
  const kek = randomBytes(32);
  await writeFile(join(dir, "umec-kek"), kek);
  assert.deepEqual(await readKek(env), kek);
  await writeFile(join(dir, "umec-kek"), kek.subarray(1));
  await rejects(readKek(env), "IDENTITY_KEK", /umec-kek has 31 bytes, not 32/);
});

/** The 32 bytes within an nkey, as base64url. */
function rawOfNkey(text: string): string {
  let bits = "";
  for (const letter of text)
    bits += "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0");
  const bytes = bits.match(/.{8}/g)!.map((byte) => Number.parseInt(byte, 2));
  return Buffer.from(bytes.slice(1, 33)).toString("base64url");
}
