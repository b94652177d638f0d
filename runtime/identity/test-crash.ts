/**
 * A child process of identity.test.ts that opens an identity and is killed at the n-th step that it takes on the disk:
 * `node test-crash.ts <dir> <step> [<kek in hex>]`. A step that writes has done half of its work by then. It prints the
 * identity's link key when it gets to the end.
 */

/**
 * A child process of identity.test.ts that opens an identity and is killed at the n-th step that it takes on the disk:
 * `node test-crash.ts <dir> <step> [<kek in hex>]`. A step that writes has done half of its work by then. It prints the
 * identity's link key when it gets to the end.
 */
import fs, { constants, type FileHandle } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { silentLog } from "../log.ts";

const [dir = "", step = "", kek] = process.argv.slice(2);
let left = Number(step);

function crashesNow(): boolean {
  return --left === 0;
}

function die(): never {
  process.kill(process.pid, "SIGKILL");
  // The signal is on its way; nothing else may happen until it is here.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

const probe = await fs.open(process.execPath, constants.O_RDONLY);
const handle: FileHandle = Object.getPrototypeOf(probe);
await probe.close();

for (const name of ["mkdir", "open", "rename"] as const) {
  const real = fs[name] as (...args: unknown[]) => unknown;
  Object.assign(fs, { [name]: (...args: unknown[]) => (crashesNow() ? die() : real(...args)) });
}
syncBuiltinESMExports();
const { sync, writeFile } = handle;
const write: (bytes: Uint8Array, options: { position: number }) => Promise<unknown> = handle.write;
Object.assign(handle, {
  sync(this: FileHandle) {
    return crashesNow() ? die() : sync.call(this);
  },
  async writeFile(this: FileHandle, text: string) {
    if (!crashesNow()) return writeFile.call(this, text);
    await writeFile.call(this, text.slice(0, text.length / 2));
    die();
  },
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
