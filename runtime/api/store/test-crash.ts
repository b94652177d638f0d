/**
 * A child process of crash.test.ts that changes a store and is killed at the n-th step that it takes on the disk:
 * `node test-crash.ts <path> <step>`. A step that writes has done half of its work by then. It prints each change when it
 * is on disk.
 */
import { writeSync } from "node:fs";
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { silentLog } from "../../log.ts";
import { crashInHandles, die } from "../../test-crash-steps.ts";

const [path = "", step = ""] = process.argv.slice(2);
let left = Number(step);

function crashesNow(): boolean {
  return --left === 0;
}

await crashInHandles(crashesNow);
for (const name of ["mkdir", "open", "rename"] as const) {
  const real = fs[name] as (...args: unknown[]) => unknown;
  Object.assign(fs, { [name]: (...args: unknown[]) => (crashesNow() ? die() : real(...args)) });
}
syncBuiltinESMExports();

const { openApiStore } = await import("./store.ts");
const store = await openApiStore({ path, log: silentLog });
for (let i = 1; i <= 3; i++) {
  await store.put("count", "a", i);
  await store.put("seen", String(i), { i });
  writeSync(1, `${i}\n`);
}
await store.delete("seen", "1");
writeSync(1, "end\n");
