/**
 * A child process of identity.test.ts that opens an identity and is killed at the n-th step that it takes on the disk:
 * `node test-crash.ts <dir> <step> [<kek in hex>]`. A step that writes has done half of its work by then. It prints the
 * identity's link key when it gets to the end.
 */
import fs, { type FileHandle } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { silentLog } from "../log.ts";
import { crashInHandles, die } from "../test-crash-steps.ts";

const [dir = "", step = "", kek] = process.argv.slice(2);
let left = Number(step);

function crashesNow(): boolean {
  return --left === 0;
}

const handle = await crashInHandles(crashesNow);
for (const name of ["mkdir", "open", "rename"] as const) {
  const real = fs[name] as (...args: unknown[]) => unknown;
  Object.assign(fs, { [name]: (...args: unknown[]) => (crashesNow() ? die() : real(...args)) });
}
syncBuiltinESMExports();
const write: (bytes: Uint8Array, options: { position: number }) => Promise<unknown> = handle.write;
Object.assign(handle, {
  async write(this: FileHandle, bytes: Uint8Array) {
    if (!crashesNow()) return write.call(this, bytes, { position: 0 });
    await write.call(this, bytes.subarray(0, bytes.length / 2), { position: 0 });
    die();
  },
});

const { openIdentity } = await import("./identity.ts");
const identity = await openIdentity({
  dir,
  log: silentLog,
  ...(kek !== undefined && { kek: Buffer.from(kek, "hex") }),
});
process.stdout.write(identity.keys.link);
