import { execFile } from "node:child_process";
import { promisify } from "node:util";

/**
 * Has the kernel read a disk's partition table again (BLKRRPART), by util-linux's blockdev. `false`: it did not, as
 * while somebody has the disk open; then the card has to be taken out and put in again.
 */
export async function rereadPartitions(path: string): Promise<boolean> {
  const env = { ...process.env, PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin` };
  try {
    await promisify(execFile)("blockdev", ["--rereadpt", path], { env, timeout: 30_000 });
    return true;
  } catch {
    return false;
  }
}
