/**
 * A child process of crash.test.ts in which a node enrols, and which is killed at the n-th step that it takes on one of the
 * files that enrolment is about: `node test-crash.ts <node.yaml> <node> <hub> <step>`. A step that writes has done half of
 * its work by then. If the node has enrolled before it prints the steps that it has taken.
 */
import fs, { type FileHandle } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { crashInHandles, die } from "../test-crash-steps.ts";

const [path = "", node = "", leafUrl = "", step = ""] = process.argv.slice(2);
let taken = 0;

function crashesNow(): boolean {
  return ++taken === Number(step);
}

/** The seed has a test of its own, and what is in `run` is made anew at each start. */
const ours = /\/(keys|enrolment-token|node\.yaml(\.new)?|keys\/hub\.json(\.new)?)$/;
const isOurs = (place: unknown): boolean => typeof place === "string" && ours.test(place);
const handles = new WeakSet<FileHandle>();
await crashInHandles((handle) => handles.has(handle) && crashesNow());

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
const { enrolAlone } = await import("../test-enrol-alone.ts");
await enrolAlone(path, node, leafUrl);
process.stdout.write(String(taken));
