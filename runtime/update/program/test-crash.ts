/**
 * A child process of store.test.ts and launch.test.ts that is killed at the n-th step that it takes on the disk:
 * `node test-crash.ts <step> install|launch|good|tell <JSON of the options>`. A step that writes has done half of its work
 * by then. It prints `done` when it gets to the end.
 */
import fsSync from "node:fs";
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { crashInHandles, die } from "../../test-crash-steps.ts";

const [step = "", what = "", json = ""] = process.argv.slice(2);
let left = Number(step);

function crashesNow(): boolean {
  return --left === 0;
}

const options = JSON.parse(json);
const [{ installProgram }, { chooseProgram }, { judgeTrial, tellOutcome }] = await Promise.all([
  import("./store.ts"),
  import("./launch.ts"),
  import("./trial.ts"),
]);

function patch(of: object, names: readonly string[]): void {
  const methods = of as Record<string, (...args: unknown[]) => unknown>;
  for (const name of names) {
    const real = methods[name]!;
    methods[name] = (...args: unknown[]) => (crashesNow() ? die() : real(...args));
  }
}
await crashInHandles(crashesNow);
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
if (what === "install") await installProgram(options.path, options);
else if (what === "launch") chooseProgram(options);
else if (what === "tell") await tellOutcome(options.dir, async () => {});
else {
  const watch = (listener: (health: { ok: boolean; waitingFor: string[]; failed: string[] }) => void) =>
    listener({ ok: true, waitingFor: [], failed: [] });
  await judgeTrial({ ...options, watch, signal: new AbortController().signal });
}
process.stdout.write("done");
