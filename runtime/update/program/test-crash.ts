/**
 * A child process of store.test.ts and launch.test.ts that is killed at the n-th step that it takes on the disk:
 * `node test-crash.ts <step> install|launch|good|tell <JSON of the options>`. A step that writes has done half of its work
 * by then. It prints `done` when it gets to the end.
 */
import fsSync from "node:fs";
import fs, { constants, type FileHandle } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

const [step = "", what = "", json = ""] = process.argv.slice(2);
let left = Number(step);

function crashesNow(): boolean {
  return --left === 0;
}

function die(): never {
  process.kill(process.pid, "SIGKILL");
  // The signal is on its way; nothing else may happen until it is here.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

const options = JSON.parse(json);
const [{ installProgram }, { chooseProgram }, { judgeTrial, tellOutcome }] = await Promise.all([
  import("./store.ts"),
  import("./launch.ts"),
  import("./trial.ts"),
]);
const probe = await fs.open(process.execPath, constants.O_RDONLY);
const handle: FileHandle = Object.getPrototypeOf(probe);
await probe.close();

function patch(of: object, names: readonly string[]): void {
  const methods = of as Record<string, (...args: unknown[]) => unknown>;
  for (const name of names) {
    const real = methods[name]!;
    methods[name] = (...args: unknown[]) => (crashesNow() ? die() : real(...args));
  }
}
patch(fs, ["mkdir", "rename", "rm"]);
patch(fsSync, ["openSync", "renameSync", "fsyncSync", "symlinkSync"]);
const writeSync = fsSync.writeSync as (fd: number, text: string) => number;
Object.assign(fsSync, {
  writeSync(fd: number, text: string) {
    if (!crashesNow()) return writeSync(fd, text);
    writeSync(fd, text.slice(0, text.length / 2));
    die();
  },
});
syncBuiltinESMExports();
const { sync, writeFile } = handle;
Object.assign(handle, {
  sync(this: FileHandle) {
    return crashesNow() ? die() : sync.call(this);
  },
  async writeFile(this: FileHandle, content: Uint8Array) {
    if (!crashesNow()) return writeFile.call(this, content);
    await writeFile.call(this, content.subarray(0, content.length / 2));
    die();
  },
});

if (what === "install") await installProgram(options.path, options);
else if (what === "launch") chooseProgram(options);
else if (what === "tell") await tellOutcome(options.dir, async () => {});
else {
  const watch = (listener: (health: { ok: boolean; waitingFor: string[]; failed: string[] }) => void) =>
    listener({ ok: true, waitingFor: [], failed: [] });
  await judgeTrial({ ...options, watch, signal: new AbortController().signal });
}
process.stdout.write("done");
