/**
 * A child process of crash.test.ts in which a node enrols, and which is killed at the n-th step that it takes on one of the
 * files that enrolment is about: `node test-crash.ts <node.yaml> <node> <hub> <step>`. A step that writes has done half of
 * its work by then. If the node has enrolled before it prints the steps that it has taken.
 */
import fs, { constants, type FileHandle } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

const [path = "", node = "", leafUrl = "", step = ""] = process.argv.slice(2);
let taken = 0;

function crashesNow(): boolean {
  return ++taken === Number(step);
}

function die(): never {
  process.kill(process.pid, "SIGKILL");
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

/** The seed has a test of its own, and what is in `run` is made anew at each start. */
const ours = /\/(keys|enrolment-token|node\.yaml(\.new)?|keys\/hub\.json(\.new)?)$/;
const isOurs = (place: unknown): boolean => typeof place === "string" && ours.test(place);
const probe = await fs.open(process.execPath, constants.O_RDONLY);
const handle: FileHandle = Object.getPrototypeOf(probe);
await probe.close();
const handles = new WeakSet<FileHandle>();

for (const name of ["mkdir", "open", "rename", "rm"] as const) {
  const real = fs[name] as (...args: unknown[]) => Promise<unknown>;
  const wrapped = async (...args: unknown[]): Promise<unknown> => {
    const mine = isOurs(args[0]);
    if (mine && crashesNow()) die();
    const result = await real(...args);
    if (mine && name === "open") handles.add(result as FileHandle);
    return result;
  };
  Object.assign(fs, { [name]: wrapped });
}
syncBuiltinESMExports();
const { sync, writeFile } = handle;
Object.assign(handle, {
  sync(this: FileHandle) {
    return handles.has(this) && crashesNow() ? die() : sync.call(this);
  },
  async writeFile(this: FileHandle, content: string | Uint8Array) {
    if (!handles.has(this) || !crashesNow()) return writeFile.call(this, content);
    await writeFile.call(this, content.slice(0, content.length / 2));
    die();
  },
});

const { enrolAlone } = await import("../test-enrol-alone.ts");
await enrolAlone(path, node, leafUrl);
process.stdout.write(String(taken));
