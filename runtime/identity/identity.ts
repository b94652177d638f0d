/**
 * Who this node is: one seed of 32 random bytes, made at the first start, and what comes of it (keys.ts).
 *
 * - **The seed is the one secret on disk.** It is `node.seed` in a directory of its own (mode 0700), a file for its
 *   owner alone (0600), in the form of seed-file.ts.
 * - **It is never made twice.** Only when there is no file is one made. One that is damaged, of a later version, sealed
 *   by a key that is not there, or readable by others is refused, with what to do; the node does not start as another.
 *   Nor is a seed replaced because it was exposed: whether that happened is for a person to judge.
 * - **A crash at any point leaves the old file or the new one**: the text is written beside it, flushed, renamed over it,
 *   and the name flushed. Keys are handed out only after that, so a hub never learns of keys that a power cut takes back.
 *   What a crash leaves in `node.seed.new` is never read, and overwritten by the next writing.
 * - **With a key-encryption key the seed is sealed by it**, also one that was plain before. Then the plain file's bytes
 *   are overwritten once the sealed one is on disk, so that a copy of the card does not show them. Flash may keep them
 *   where only its maker can read them: a seed that must never have been on the card in plain is made with the key
 *   there from the first start. A crash between the two leaves the old bytes in blocks that no file has any more.
 * - **Nothing secret can be printed**: `inspect`, `JSON.stringify` and the log show public keys alone.
 */

import { randomBytes } from "node:crypto";
import { constants, type FileHandle, open, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makePrivateDirectory, syncDirectory, writeDurable } from "../durable-file.ts";
import { UmecError } from "../errors.ts";
import type { Log } from "../log.ts";
import { deriveKeys } from "./keys.ts";
import { damaged, formatSeed, parseSeed, seedBytes } from "./seed-file.ts";
import type { NodeIdentity } from "./types.ts";

export interface IdentityOptions {
  /** The directory of keys; made when it is missing. */
  dir: string;
  /** 32 bytes that seal the seed on disk. @default it lies there in plain */
  kek?: Uint8Array | undefined;
  log: Log;
}

export const seedName = "node.seed";
const kekName = "umec-kek";
const kekBytes = 32;
/** More than any version of the file needs. */
const mostBytes = 4096;

/**
 * The node's identity; made, durably, when there is none. One process at a time for a directory.
 *
 * @throws UmecError `IDENTITY_DAMAGED`, `IDENTITY_VERSION`, `IDENTITY_SEALED`, `IDENTITY_EXPOSED`, `IDENTITY_UNREADABLE`,
 * `IDENTITY_KEK`
 */
export async function openIdentity(options: IdentityOptions): Promise<NodeIdentity> {
  const { dir, kek, log } = options;
  if (kek) checkKek(kek, "the key-encryption key");
  await makePrivateDirectory(dir);
  await checkDirectory(dir);
  const path = join(dir, seedName);
  const file = await openSeed(path);
  if (!file) return create(path, kek, log);
  try {
    return await take(file, path, kek, log);
  } finally {
    await file.close();
  }
}

/**
 * The key-encryption key that the service manager hands over (systemd.exec(5), `LoadCredentialEncrypted=`), the 32
 * bytes of `$CREDENTIALS_DIRECTORY/umec-kek`; `undefined` when there is none.
 *
 * @throws UmecError `IDENTITY_KEK` when it can't be read or is no 32 bytes
 */
export async function readKek(env: NodeJS.ProcessEnv): Promise<Buffer | undefined> {
  const dir = env.CREDENTIALS_DIRECTORY;
  if (!dir) return undefined;
  const path = join(dir, kekName);
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new UmecError("IDENTITY_KEK", `${path} can't be read: ${(cause as Error).message}`, { cause });
  }
  checkKek(bytes, path);
  return bytes;
}

function checkKek(kek: Uint8Array, of: string): void {
  if (kek.length === kekBytes) return;
  throw new UmecError("IDENTITY_KEK", `${of} has ${kek.length} bytes, not ${kekBytes}`);
}

async function create(path: string, kek: Uint8Array | undefined, log: Log): Promise<NodeIdentity> {
  const seed = randomBytes(seedBytes);
  const identity = deriveKeys(seed, kek !== undefined);
  await writeDurable(path, formatSeed(seed, identity.keys.link, kek));
  // A start that was killed before may have made the directory, and not got to this.
  await syncDirectory(dirname(dirname(path)));
  seed.fill(0);
  log.info("this node has made its keys", { ...identity.keys, bound: identity.bound });
  return identity;
}

async function take(
  file: FileHandle,
  path: string,
  kek: Uint8Array | undefined,
  log: Log,
): Promise<NodeIdentity> {
  const text = await readText(file, path);
  const { seed, link, sealed } = parseSeed(text, path, kek);
  const bound = sealed || kek !== undefined;
  const identity = deriveKeys(seed, bound);
  if (identity.keys.link !== link) throw damaged(path, "its seed is not the one of its link key");
  if (!sealed && kek) {
    await writeDurable(path, formatSeed(seed, link, kek));
    // Through the handle: the name is the sealed file's by now.
    await file.write(Buffer.alloc(Buffer.byteLength(text)), { position: 0 });
    await file.sync();
    log.info("the node's seed is sealed by this board's key from now on");
  }
  seed.fill(0);
  return identity;
}

async function openSeed(path: string): Promise<FileHandle | undefined> {
  try {
    // For writing too, as a plain one may have to be overwritten; a link would have it written elsewhere.
    return await open(path, constants.O_RDWR | constants.O_NOFOLLOW);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new UmecError("IDENTITY_UNREADABLE", `${path} can't be opened: ${(cause as Error).message}`, {
      cause,
      hint: "it must be a file of the user that the node runs as, on a disk that can be written",
    });
  }
}

async function readText(file: FileHandle, path: string): Promise<string> {
  const { mode, uid, size } = await file.stat();
  if ((mode & 0o077) !== 0) throw exposed(path, `its mode is ${octal(mode)}, so others may read it`, "600");
  checkOwner(path, uid);
  if (size > mostBytes) throw damaged(path, `it has ${size} bytes`);
  return file.readFile("utf8");
}

async function checkDirectory(dir: string): Promise<void> {
  const handle = await open(dir, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const { mode, uid } = await handle.stat();
    if ((mode & 0o022) !== 0)
      throw exposed(dir, `its mode is ${octal(mode)}, so others may change it`, "700");
    checkOwner(dir, uid);
  } finally {
    await handle.close();
  }
}

function checkOwner(path: string, uid: number): void {
  const self = process.geteuid?.();
  if (uid === self || uid === 0) return;
  throw new UmecError("IDENTITY_EXPOSED", `${path} belongs to user ${uid}, not to ${self}`, {
    hint: "whoever owns it can read the node's keys: if it is no mistake, move it away and enrol the node anew",
  });
}

function exposed(path: string, reason: string, mode: string): UmecError {
  return new UmecError("IDENTITY_EXPOSED", `${path} holds the node's keys, and ${reason}`, {
    hint:
      `if nobody else was on this machine: chmod ${mode} it. Otherwise move it away: the node makes new keys, and ` +
      "the hub must be told with `umec hub replace`",
  });
}

function octal(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, "0");
}
