/**
 * What a RAUC bundle of the format `verity` says of itself, without RAUC: an operator's machine need not have it.
 *
 *   squashfs, its hash tree, a CMS structure (RFC 5652, SignedData) whose content is the manifest, and the length of that
 *   structure in 8 bytes, big endian
 *
 * The signature is not checked: that is for the node, which alone knows whom it trusts. What is read here decides nothing
 * but what people are shown, and which bytes need not be carried.
 */
import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { UmecError } from "../errors.ts";
import { peekFile } from "../update/program/artifact.ts";
import type { BundleInfo } from "../update/types.ts";
import { childrenOf, type DerElement, readDer } from "./der.ts";
import { mostBundleBytes } from "./index-format.ts";
import { readFully } from "./read-chunks.ts";
import { blockBytes, treeBytes } from "./verity-tree.ts";

/** A manifest and its signature are some kilobytes; certificates of a long chain may add some. */
const mostCmsBytes = 1024 * 1024;
/** RFC 5652: id-signedData and id-data. */
const signedDataOid = "2a864886f70d010702";

export interface BundleManifest {
  readonly version: string;
  readonly compatible: string;
  /** The hash tree behind the squashfs; left out where the file's length does not fit to what the manifest says. */
  readonly tree?: { readonly dataBytes: number; readonly bytes: number; readonly salt: string };
}

/** @throws UmecError `OTA_NO_BUNDLE` with the reason; what `open` throws */
export async function readManifest(path: string): Promise<BundleManifest> {
  const file = await open(path, "r");
  try {
    return await manifestOf(file, path);
  } finally {
    await file.close();
  }
}

/** Reads the whole file. @throws UmecError as {@link readManifest} */
export async function readBundleInfo(path: string, signal?: AbortSignal): Promise<BundleInfo> {
  const { version, compatible } = await readManifest(path);
  const file = await open(path, "r");
  try {
    const digest = createHash("sha256");
    const piece = Buffer.allocUnsafe(256 * 1024);
    let bytes = 0;
    for (;;) {
      signal?.throwIfAborted();
      const { bytesRead } = await file.read(piece, 0, piece.length, bytes);
      if (bytesRead === 0) break;
      digest.update(piece.subarray(0, bytesRead));
      bytes += bytesRead;
    }
    return { version, compatible, sha256: digest.digest("hex"), bytes };
  } finally {
    await file.close();
  }
}

async function manifestOf(file: FileHandle, path: string): Promise<BundleManifest> {
  const no = (reason: string): UmecError =>
    new UmecError("OTA_NO_BUNDLE", `${path} is no bundle of RAUC: ${reason}`, {
      hint: "make one with: make bundle-ota",
    });
  const { size } = await file.stat();
  const program = await peekFile(path);
  if (program) return { version: program.version, compatible: program.compatible };
  if (size > mostBundleBytes) throw no(`it has ${size} bytes, more than ${mostBundleBytes}`);
  const tail = Buffer.alloc(8);
  if (size < 8 || !(await readFully(file, tail, size - 8))) throw no("it is too short");
  const cmsBytes = Number(tail.readBigUInt64BE());
  if (cmsBytes === 0 || cmsBytes > Math.min(mostCmsBytes, size - 8))
    throw no("it does not end with the length of a signature; was it cut off?");
  const cms = Buffer.alloc(cmsBytes);
  if (!(await readFully(file, cms, size - 8 - cmsBytes))) throw no("it can't be read to its end");
  const content = contentOf(cms);
  if (!content) throw no("its signature has no manifest in it; is its format `verity`?");
  const keys = parseIni(Buffer.from(content).toString("utf8"));
  const version = keys.get("update.version");
  const compatible = keys.get("update.compatible");
  if (!version || !compatible) throw no("its manifest has no version or is for no kind of board");
  const tree = treeOf(keys, size - 8 - cmsBytes);
  return { version, compatible, ...(tree && { tree }) };
}

function treeOf(keys: ReadonlyMap<string, string>, payloadBytes: number): BundleManifest["tree"] {
  const bytes = Number(keys.get("bundle.verity-size"));
  const salt = keys.get("bundle.verity-salt")?.toLowerCase() ?? "";
  const dataBytes = payloadBytes - bytes;
  if (!(bytes > 0 && dataBytes >= 2 * blockBytes && dataBytes % blockBytes === 0)) return undefined;
  if (treeBytes(dataBytes) !== bytes || !/^(?:[0-9a-f]{2})+$/.test(salt)) return undefined;
  return { dataBytes, bytes, salt };
}

/** The content that a CMS SignedData holds itself. */
function contentOf(cms: Uint8Array): Uint8Array | undefined {
  const [type, explicit] = childrenOf(readDer(cms));
  if (!type || Buffer.from(type.content).toString("hex") !== signedDataOid || !explicit) return undefined;
  const [signedData] = childrenOf(explicit);
  const [, , encapsulated] = childrenOf(signedData);
  const [, wrapped] = childrenOf(encapsulated);
  const [octets] = childrenOf(wrapped);
  return octets && octetsOf(octets);
}

function octetsOf(element: DerElement): Uint8Array | undefined {
  if (element.tag === 0x04) return element.content;
  if (element.tag !== 0x24) return undefined;
  return Buffer.concat(childrenOf(element).map(({ content }) => content));
}

/** `section.key` → value, of the key files of GLib as far as manifests go. */
function parseIni(text: string): Map<string, string> {
  const keys = new Map<string, string>();
  let section = "";
  for (const line of text.split("\n")) {
    const [, name] = /^\[(.+)\]\s*$/.exec(line) ?? [];
    if (name !== undefined) section = name;
    const [, key, value] = /^([^#[=]+?)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (key !== undefined) keys.set(`${section}.${key}`, value ?? "");
  }
  return keys;
}
