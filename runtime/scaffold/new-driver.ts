/**
 * A new driver in a clone: files that run, pass their tests and are changed step by step into the real thing. They are
 * made from `template/`, where the name stands as `__NAME__` and the prefix of its error codes as `__CODE__`.
 *
 * Nothing that is there is written over; when a file can't be written, those before it stay, and the error names it.
 */
import { access, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { UmecError } from "../errors.ts";

/** What it makes, by the file of the template. */
const places = {
  "driver.ts": "drivers/__NAME__/driver.ts",
  "hardware.ts": "drivers/__NAME__/hardware.ts",
  "memory.ts": "drivers/__NAME__/memory.ts",
  "driver.test.ts": "drivers/__NAME__/driver.test.ts",
  "page.md": "docs/drivers/__NAME__.md",
  "story.test.ts": "qemu-tests/__NAME__.test.ts",
} as const;

const registry = "runtime/drivers.ts";
const template = "runtime/scaffold/template";

/**
 * Makes the driver `name` in the clone at `root`, and adds it to the list of drivers.
 *
 * @returns the files that are new, relative to the clone
 * @throws UmecError `SCAFFOLD_NAME`, `SCAFFOLD_EXISTS`, `SCAFFOLD_NO_CLONE`
 */
export async function newDriver(name: string, root: string): Promise<string[]> {
  if (!/^[a-z][a-z0-9-]{0,30}$/.test(name)) {
    throw new UmecError("SCAFFOLD_NAME", `${JSON.stringify(name)} is no name of a driver`, {
      hint: "write it in lower case letters, digits and -, such as bh1750",
    });
  }
  const list = await readFile(join(root, registry), "utf8").catch((cause: unknown) => {
    const hint = "go to the folder that has package.json and runtime/ in it";
    throw new UmecError("SCAFFOLD_NO_CLONE", `${root} is no clone of µMEC`, { cause, hint });
  });
  const files = await Promise.all(
    Object.entries(places).map(async ([from, to]) => ({
      path: filled(to, name),
      text: filled(await readFile(join(root, template, `${from}.txt`), "utf8"), name),
    })),
  );
  for (const { path } of files) {
    if (await exists(join(root, path))) {
      throw new UmecError("SCAFFOLD_EXISTS", `${path} is there already`, { hint: "choose another name" });
    }
  }
  for (const { path, text } of files) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text, { flag: "wx" });
  }
  await writeFile(join(root, registry), registered(list, name));
  return files.map(({ path }) => path);
}

function filled(text: string, name: string): string {
  const code = name.toUpperCase().replaceAll("-", "_");
  return text.replaceAll("__NAME__", name).replaceAll("__CODE__", code);
}

const row = /^ {2}\["([a-z0-9-]+)", .*\],\n/gm;

/** The list with one more row, in order of names. */
function registered(list: string, name: string): string {
  const rows = [...list.matchAll(row)];
  const next = rows.find(([, other]) => other! > name);
  const last = rows.at(-1)!;
  const at = next ? next.index : last.index + last[0].length;
  return `${list.slice(0, at)}  ["${name}", () => import("../drivers/${name}/driver.ts")],\n${list.slice(at)}`;
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
