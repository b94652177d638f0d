/**
 * U-Boot's environment file as this product uses it: `slots.env` and `slots.bak` on the boot partition. They are not
 * called `uboot.env`: a U-Boot that keeps an environment of its own on the card would take that for it.
 *
 * The format is U-Boot's for an environment without redundancy: 4 bytes CRC-32 (IEEE 802.3, the lowest byte first) of
 * all that follows, then `name=value` strings, each ended by a zero, sorted by name, one more zero, and zeros up to
 * the end. The file is always 0x4000 bytes long; one of any other length, or with another checksum, is not read at
 * all, since a power cut may have torn it. U-Boot's `env import -c`, libubootenv's fw_setenv and this module agree.
 */
import { crc32 } from "node:zlib";
import { UmecError } from "../runtime/errors.ts";

/** Length of the file, in bytes. */
export const environmentBytes = 0x4000;

/** The variables of a whole file; undefined for one that is missing, torn or damaged. */
export function decodeEnvironment(file: Uint8Array | undefined): Map<string, string> | undefined {
  if (file?.length !== environmentBytes) return undefined;
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.length);
  const data = bytes.subarray(4);
  if (bytes.readUInt32LE(0) !== crc32(data)) return undefined;
  const variables = new Map<string, string>();
  for (const entry of data.toString("utf8").split("\0")) {
    if (entry === "") break;
    const equals = entry.indexOf("=");
    if (equals > 0) variables.set(entry.slice(0, equals), entry.slice(equals + 1));
  }
  return variables;
}

/**
 * The file for some variables. An empty value is left out, as U-Boot knows none.
 *
 * Throws `IMAGE_ENVIRONMENT_INVALID` for a name with `=`, a name or value with a zero, and when it does not fit.
 */
export function encodeEnvironment(variables: Iterable<readonly [string, string]>): Buffer {
  const entries = [...variables]
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${name}=${value}`);
  for (const [name, value] of variables) {
    if (name === "" || name.includes("=") || `${name}${value}`.includes("\0")) {
      throw invalid(`${JSON.stringify(name)}=${JSON.stringify(value)} can't stand in a U-Boot environment`);
    }
  }
  const text = Buffer.from(`${entries.toSorted().join("\0")}\0\0`);
  const file = Buffer.alloc(environmentBytes);
  if (text.length > file.length - 4) {
    throw invalid(`${text.length} bytes of variables do not fit into ${file.length - 4}`);
  }
  text.copy(file, 4);
  file.writeUInt32LE(crc32(file.subarray(4)), 0);
  return file;
}

function invalid(message: string): UmecError {
  return new UmecError("IMAGE_ENVIRONMENT_INVALID", message);
}
