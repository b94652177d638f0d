/** For children of crash tests, which are killed at a step that they take on the disk. Import what is tested after this. */
import fs, { constants, type FileHandle } from "node:fs/promises";

/** Kills this process, now. */
export function die(): never {
  process.kill(process.pid, "SIGKILL");
  // The signal is on its way; nothing else may happen until it is here.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

/**
 * Has `sync` and `writeFile` of open files ask `crashesNow` first; a write has done half of its work by then. Returns the
 * methods of all file handles, for who wants more of them.
 */
export async function crashInHandles(crashesNow: (handle: FileHandle) => boolean): Promise<FileHandle> {
  const probe = await fs.open(process.execPath, constants.O_RDONLY);
  const methods: FileHandle = Object.getPrototypeOf(probe);
  await probe.close();
  const { sync, writeFile } = methods;
  Object.assign(methods, {
    sync(this: FileHandle) {
      return crashesNow(this) ? die() : sync.call(this);
    },
    async writeFile(this: FileHandle, content: string | Uint8Array) {
      if (!crashesNow(this)) return writeFile.call(this, content);
      await writeFile.call(this, content.slice(0, content.length / 2));
      die();
    },
  });
  return methods;
}
