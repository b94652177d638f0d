/**
 * One file that is a whole program: the runtime's scripts, signed.
 *
 * ```
 * bytes  8  magic `UMECJS1\n`
 *        4  length of the manifest, big-endian, as the three that follow
 *        4  length of the certificates
 *        4  length of the signature
 *        4  length of the payload
 *           manifest: JSON (manifest.ts)
 *           certificates: PEM, the signer's first, then those between it and the keyring's
 *           signature over `umec-program-1\n` and the manifest
 *           payload: the files in the manifest's order, one after another, as one zstd stream
 * ```
 *
 * What is signed begins with words of its own, so that no signature which the same key made for anything else fits. The
 * manifest has the payload's hash, and so nothing that was not signed reaches the decompressor. All before the payload is
 * the *head*; it stays beside the unpacked files, which are verified by it at each start (launch.ts).
 *
 * Reading promises: a program that is returned is whole, signed and what its manifest says; for any other bytes there is
 * `UPDATE_REFUSED` with the reason.
 */
import { open } from "node:fs/promises";
import { zstdDecompressSync } from "node:zlib";
import { messageOf } from "../../errors.ts";
import type { BundleInfo } from "../types.ts";
import { filesBytes, type ProgramManifest, parseManifest, refused, sha256Of } from "./manifest.ts";
import { type Trust, verifySignature } from "./signature.ts";

const magic = Buffer.from("UMECJS1\n", "latin1");
const prefixBytes = magic.length + 16;
const purpose = Buffer.from("umec-program-1\n", "latin1");
/** Longest manifest, certificates, signature and payload. */
const most = [256 * 1024, 32 * 1024, 4 * 1024, 8 * 2 ** 20] as const;

/** What orders for a program have in the place of RAUC's `compatible`. */
export const programCompatible = "umec-program";

export interface ProgramHead {
  manifest: ProgramManifest;
  /** All before the payload, as it came. */
  bytes: Uint8Array;
  payloadBytes: number;
}

/** What has to be signed for this manifest. */
export function bytesToSign(manifest: Uint8Array): Uint8Array {
  return Buffer.concat([purpose, manifest]);
}

/** The file, of its four parts. */
export function encodeArtifact(parts: {
  manifest: Uint8Array;
  certificates: Uint8Array;
  signature: Uint8Array;
  payload: Uint8Array;
}): Uint8Array {
  const all = [parts.manifest, parts.certificates, parts.signature, parts.payload];
  const lengths = Buffer.alloc(16);
  for (const [index, { length }] of all.entries()) lengths.writeUInt32BE(length, index * 4);
  return Buffer.concat([magic, lengths, ...all]);
}

/** The head, verified. `bytes` may have the payload behind it. @throws UmecError `UPDATE_REFUSED` */
export function readHead(bytes: Uint8Array, trust: Trust): ProgramHead {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!whole.subarray(0, magic.length).equals(magic.subarray(0, whole.length)))
    throw refused("it is no program of µMEC (its first bytes are others)");
  if (whole.length < prefixBytes) throw refused(`it is cut off: it has ${whole.length} bytes`);
  const lengths = [0, 1, 2, 3].map((index) => whole.readUInt32BE(magic.length + index * 4));
  const tooLong = lengths.findIndex((length, index) => length > most[index]!);
  if (tooLong >= 0)
    throw refused(
      `its header is damaged: a part has ${lengths[tooLong]} bytes, the most are ${most[tooLong]}`,
    );
  const [manifestBytes, certificateBytes, signatureBytes, payloadBytes] = lengths as [
    number,
    number,
    number,
    number,
  ];
  const headBytes = prefixBytes + manifestBytes + certificateBytes + signatureBytes;
  if (whole.length < headBytes) throw refused(`it is cut off: it has ${whole.length} bytes of ${headBytes}`);
  const at = (from: number, length: number) => whole.subarray(from, from + length);
  const manifest = at(prefixBytes, manifestBytes);
  const certificates = at(prefixBytes + manifestBytes, certificateBytes).toString("latin1");
  const signature = at(prefixBytes + manifestBytes + certificateBytes, signatureBytes);
  const signer = verifySignature({ signed: bytesToSign(manifest), signature, certificates }, trust);
  const parsed = parseManifest(manifest);
  signer.requireValidAt(Date.parse(parsed.builtAt));
  if (parsed.payload.bytes !== payloadBytes)
    throw refused(
      `its header is damaged: it says ${payloadBytes} bytes of files, its manifest ${parsed.payload.bytes}`,
    );
  return { manifest: parsed, bytes: whole.subarray(0, headBytes), payloadBytes };
}

/**
 * What a file says that it is, if it is a program's; `undefined` of any other, or none. Nothing of it is verified, and its
 * hash is left out (empty).
 */
export async function peekFile(path: string): Promise<BundleInfo | undefined> {
  const file = await open(path, "r").catch(() => undefined);
  if (!file) return undefined;
  try {
    const { size: bytes } = await file.stat();
    const { buffer, bytesRead } = await file.read(
      Buffer.alloc(prefixBytes + most[0]),
      0,
      prefixBytes + most[0],
      0,
    );
    const start = buffer.subarray(0, bytesRead);
    if (bytesRead < prefixBytes || !start.subarray(0, magic.length).equals(magic)) return undefined;
    const end = prefixBytes + start.readUInt32BE(magic.length);
    const { version } = JSON.parse(start.subarray(prefixBytes, end).toString());
    if (typeof version !== "string") return undefined;
    return { version, compatible: programCompatible, sha256: "", bytes };
  } catch {
    return undefined;
  } finally {
    await file.close();
  }
}

/** A whole program: its head and its files by name. @throws UmecError `UPDATE_REFUSED` */
export function readArtifact(
  bytes: Uint8Array,
  trust: Trust,
): { head: ProgramHead; files: ReadonlyMap<string, Uint8Array> } {
  const head = readHead(bytes, trust);
  const whole = head.bytes.length + head.payloadBytes;
  if (bytes.length < whole) throw refused(`it is cut off: it has ${bytes.length} bytes of ${whole}`);
  if (bytes.length > whole) throw refused(`${bytes.length - whole} bytes follow its end`);
  const payload = bytes.subarray(head.bytes.length);
  if (sha256Of(payload) !== head.manifest.payload.sha256)
    throw refused("its files are not those that were signed");
  return { head, files: unpack(payload, head.manifest) };
}

function unpack(payload: Uint8Array, manifest: ProgramManifest): Map<string, Uint8Array> {
  const bytes = filesBytes(manifest);
  let plain: Uint8Array;
  try {
    plain = zstdDecompressSync(payload, { maxOutputLength: Math.max(bytes, 1) });
  } catch (cause) {
    throw refused(`its files can't be unpacked: ${messageOf(cause)}`, { cause });
  }
  if (plain.length !== bytes)
    throw refused(`its files have ${plain.length} bytes, its manifest says ${bytes}`);
  const files = new Map<string, Uint8Array>();
  let from = 0;
  for (const file of manifest.files) {
    const content = plain.subarray(from, from + file.bytes);
    if (sha256Of(content) !== file.sha256) throw refused(`${file.name} is not what its manifest says`);
    files.set(file.name, content);
    from += file.bytes;
  }
  return files;
}
