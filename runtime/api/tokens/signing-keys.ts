/**
 * The keys that sign access tokens: ES256, in one file of the owner alone (mode 0600).
 *
 * A key signs for 30 days; then a new one does, and the old one is still published for as long as a token of it can be good.
 * The times are the node's own clock, whatever it shows: a clock that was set forward by decades makes a new key once, and a
 * key from the future counts as new. A file that can't be read is set aside; with new keys all tokens are void, and
 * applications ask for another one.
 *
 * `{ version, pepper, keys: [{ createdAtMs, jwk }] }`, the newest first.
 */
import { createHmac, randomBytes } from "node:crypto";
import { readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import {
  type CryptoKey,
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
  type JWTVerifyGetKey,
} from "jose";
import { makePrivateDirectory, writeDurable } from "../../durable-file.ts";
import { messageOf } from "../../errors.ts";
import type { Log } from "../../log.ts";

export interface SigningKeys {
  /** The key that signs now; makes another one first when its time is over. */
  current(): Promise<{ kid: string; key: CryptoKey }>;
  /** Public keys of all tokens that can be good (RFC 7517). */
  published(): { keys: JWK[] };
  /** For jose: the public key that a token's header names. Rejects when there is none. */
  readonly find: JWTVerifyGetKey;
  /** A text that changes with `secret` and tells nothing of it. */
  mark(secret: string): string;
}

export interface SigningKeysOptions {
  dir: string;
  /** Unix time. */
  nowMs(): number;
  /** How long a token can be good. */
  tokenMs: number;
  /** @default 30 days */
  rotateMs?: number;
  log: Log;
}

interface Key {
  createdAtMs: number;
  /** With the private part. */
  jwk: JWK & { kid: string };
}

interface KeysFile {
  version: 1;
  pepper: string;
  keys: Key[];
}

const mostMarks = 256;
const defaultRotateMs = 30 * 86_400_000;

export async function openSigningKeys(options: SigningKeysOptions): Promise<SigningKeys> {
  const { dir, nowMs, tokenMs, rotateMs = defaultRotateMs, log } = options;
  await makePrivateDirectory(dir);
  const path = join(dir, "signing-keys.json");
  const imported = new Map<string, { secret: CryptoKey; open: CryptoKey }>();
  let file = (await load(path, log)) ?? {
    version: 1,
    pepper: randomBytes(32).toString("base64url"),
    keys: [],
  };
  for (const key of file.keys) await importKey(key);
  /** Each request asks for one. */
  const marks = new Map<string, string>();
  let rotating: Promise<void> | undefined;

  async function importKey({ jwk }: Key): Promise<void> {
    const open = (await importJWK(publicOf(jwk), "ES256")) as CryptoKey;
    imported.set(jwk.kid, { secret: (await importJWK(jwk, "ES256")) as CryptoKey, open });
  }

  function isDue(): boolean {
    const newest = file.keys[0];
    return !newest || nowMs() - newest.createdAtMs >= rotateMs;
  }

  async function rotate(): Promise<void> {
    const key = await makeKey(nowMs());
    await importKey(key);
    const keys = [key, ...stillGood(file.keys, nowMs(), tokenMs)];
    await writeDurable(path, JSON.stringify({ ...file, keys }));
    file = { ...file, keys };
    log.info("a new key signs access tokens", { kid: key.jwk.kid });
  }

  async function current(): Promise<{ kid: string; key: CryptoKey }> {
    if (isDue()) {
      rotating ??= rotate().finally(() => {
        rotating = undefined;
      });
      await rotating;
    }
    const { kid } = file.keys[0]!.jwk;
    return { kid, key: imported.get(kid)!.secret };
  }

  await current();
  return {
    current,
    published: () => ({ keys: stillGood(file.keys, nowMs(), tokenMs).map(({ jwk }) => publicOf(jwk)) }),
    async find({ kid }) {
      const key = stillGood(file.keys, nowMs(), tokenMs).find(({ jwk }) => jwk.kid === kid);
      if (!key) throw new Error("its key is not known");
      return imported.get(key.jwk.kid)!.open;
    },
    mark(secret) {
      let mark = marks.get(secret);
      if (mark === undefined) {
        mark = createHmac("sha256", file.pepper).update(secret).digest("base64url").slice(0, 16);
        if (marks.size >= mostMarks) marks.clear();
        marks.set(secret, mark);
      }
      return mark;
    },
  };
}

/** The newest, and those that were followed so lately that a token of theirs may be about. */
function stillGood(keys: readonly Key[], nowMs: number, tokenMs: number): Key[] {
  return keys.filter((_, at) => at === 0 || nowMs - keys[at - 1]!.createdAtMs <= tokenMs);
}

async function makeKey(createdAtMs: number): Promise<Key> {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const jwk = await exportJWK(privateKey);
  return { createdAtMs, jwk: { ...jwk, alg: "ES256", use: "sig", kid: await calculateJwkThumbprint(jwk) } };
}

function publicOf({ d: _, ...open }: JWK): JWK {
  return open;
}

async function load(path: string, log: Log): Promise<KeysFile | undefined> {
  try {
    const file = JSON.parse(await readFile(path, "utf8")) as KeysFile;
    if (file.version !== 1 || typeof file.pepper !== "string") throw new Error("its version is not 1");
    for (const { jwk } of file.keys) await importJWK(jwk, "ES256");
    return file;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    await rename(path, `${path}.damaged`);
    const reason = messageOf(error);
    log.error("the keys of access tokens can't be read: there are new ones, and all tokens are void", {
      reason,
    });
    return undefined;
  }
}
