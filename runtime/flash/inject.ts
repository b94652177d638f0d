/**
 * Puts a configuration on a card: over the file `umec.json` of the partition `boot`, which every image has, 64 KiB of
 * blanks. Its place is looked up, and its bytes are replaced by the text and blanks behind it; the file system itself
 * stays as it is, byte for byte.
 */
import { UmecError } from "../errors.ts";
import { findFile } from "./fat.ts";
import { type ReadDisk, readGpt } from "./gpt.ts";
import type { Medium } from "./medium.ts";
import { verifyBytes } from "./verify.ts";

const bootLabel = "boot";
const configName = "umec.json";

/**
 * @param head stands for the medium's first bytes while they are not written yet. @default none
 * @throws UmecError `FLASH_NO_GPT`, `FLASH_NO_BOOT`, `FLASH_NO_FAT`, `FLASH_FILE_MISSING`, `FLASH_CONFIG_TOO_LARGE`,
 *   `FLASH_WRITE`, `FLASH_VERIFY`
 */
export async function injectConfig(
  medium: Medium,
  text: string,
  head: Uint8Array = new Uint8Array(0),
): Promise<void> {
  const readDisk: ReadDisk = async (position, length) => {
    if (position + length <= head.length) return head.subarray(position, position + length);
    return medium.read(position, length);
  };
  const boot = (await readGpt(readDisk)).find(({ label }) => label === bootLabel);
  if (!boot) {
    throw new UmecError("FLASH_NO_BOOT", `${medium.path} has no partition called ${bootLabel}`, {
      hint: "a configuration can only be put on a µMEC image; write one first",
    });
  }
  const readBoot: ReadDisk = (position, length) => {
    if (position + length <= boot.bytes) return readDisk(boot.start + position, length);
    throw new UmecError("FLASH_NO_FAT", "the boot partition's file system is larger than the partition");
  };
  const { bytes, extents } = await findFile(readBoot, configName);
  const content = padded(text, bytes);
  let at = 0;
  const parts = extents.map((extent) => {
    const part = content.subarray(at, at + extent.bytes);
    at += extent.bytes;
    return { part, position: boot.start + extent.start };
  });
  for (const { part, position } of parts) await medium.write(part, position);
  await medium.sync();
  for (const { part, position } of parts) await verifyBytes(medium, part, position);
}

function padded(text: string, bytes: number): Buffer {
  const content = Buffer.alloc(bytes, " ");
  const length = Buffer.byteLength(text);
  if (length > bytes) {
    throw new UmecError(
      "FLASH_CONFIG_TOO_LARGE",
      `the configuration has ${length} bytes, and ${configName} on the card has room for ${bytes}`,
      { hint: "bring large options to the node later, in its node.yaml" },
    );
  }
  content.write(text);
  return content;
}
