/**
 * Takes from a tree of unpacked Debian packages what a list names, and nothing else.
 *
 *     node image/root/pick.ts <packages' tree> <list> <new tree>
 *
 * What it promises: every path of the list is in the new tree; of a folder all that lies in it; what a link points to,
 * up to a file; and each library that an ELF file of the new tree is linked with, and theirs in turn. So no program of
 * the image lacks a library, and a package that gets new files does not grow the image. A path that is not in the
 * packages, a link that leads nowhere and a library that no package has are errors, all named at once. Modes are 755
 * for folders and programs and 644 for other files: no file of the image has set-user-id.
 */
import { chmod, copyFile, lstat, mkdir, readdir, readFile, readlink, symlink } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import { UmecError } from "../../runtime/errors.ts";
import { neededLibraries } from "./elf.ts";

/** Where the dynamic linker looks; the second one is systemd's own, named by its programs' RUNPATH. */
const libraryFolders = ["usr/lib/aarch64-linux-gnu", "usr/lib/aarch64-linux-gnu/systemd"];

/** The list could not be followed; the message names every path that is missing. Code `IMAGE_PICK`. */
export class PickError extends UmecError {
  constructor(problems: string[]) {
    super("IMAGE_PICK", `the packages do not have what the image needs:\n  ${problems.join("\n  ")}`, {
      hint: "a package has moved or dropped a file: correct image/root/keep.txt or image/root/packages.txt",
    });
  }
}

/** The paths of a list: one a line, `#` begins a comment. */
export function pathsOf(list: string): string[] {
  return list
    .split("\n")
    .map((line) => line.replace(/#.*/, "").trim())
    .filter((line) => line !== "");
}

/**
 * Copies `paths` (relative, without a leading slash) and what they need from `from` to `to`, which is made.
 *
 * @returns the paths that were copied, sorted.
 * @throws {PickError} when something is missing; `to` is then incomplete.
 */
export async function pick(from: string, paths: string[], to: string): Promise<string[]> {
  const taken = new Set<string>();
  const problems = new Set<string>();

  async function take(path: string, wantedBy: string): Promise<void> {
    const at = await physical(from, path);
    if (taken.has(at)) {
      return;
    }
    const stats = await lstat(join(from, at)).catch(() => undefined);
    if (stats === undefined) {
      problems.add(`${path} (${wantedBy})`);
      return;
    }
    taken.add(at);
    if (dirname(at) !== ".") {
      await takeFolder(dirname(at));
    }
    if (stats.isSymbolicLink()) {
      await takeLink(at);
    } else if (stats.isDirectory()) {
      await takeFolder(at);
      for (const name of await readdir(join(from, at))) {
        await take(join(at, name), wantedBy);
      }
    } else if (stats.isFile()) {
      await copyFile(join(from, at), join(to, at));
      await chmod(join(to, at), stats.mode & 0o111 ? 0o755 : 0o644);
      await takeLibraries(at);
    } else {
      problems.add(`${path} is neither file, folder nor link`);
    }
  }

  async function takeFolder(path: string): Promise<void> {
    await mkdir(join(to, path), { recursive: true, mode: 0o755 });
  }

  async function takeLink(path: string): Promise<void> {
    const target = await readlink(join(from, path));
    await symlink(target, join(to, path));
    const pointsTo = target.startsWith("/") ? normalize(target.slice(1)) : join(dirname(path), target);
    const stats = await lstat(join(from, pointsTo)).catch(() => undefined);
    // A link to a folder (bin, lib) is only a way; what lies behind it is named by paths of its own.
    if (stats?.isDirectory()) {
      await takeFolder(pointsTo);
    } else {
      await take(pointsTo, `${path} points to it`);
    }
  }

  async function takeLibraries(path: string): Promise<void> {
    for (const name of neededLibraries(await readFile(join(from, path))) ?? []) {
      const folder = await firstFolderWith(name);
      if (folder === undefined) {
        problems.add(`${name} (${path} is linked with it)`);
      } else {
        await take(join(folder, name), path);
      }
    }
  }

  async function firstFolderWith(name: string): Promise<string | undefined> {
    for (const folder of libraryFolders) {
      if ((await lstat(join(from, folder, name)).catch(() => undefined)) !== undefined) {
        return folder;
      }
    }
    return undefined;
  }

  await mkdir(to, { recursive: true, mode: 0o755 });
  for (const path of paths) {
    await take(normalize(path), "it is in the list");
  }
  if (problems.size > 0) {
    throw new PickError([...problems].sort());
  }
  return [...taken].sort();
}

/** `path` with the links among its folders (bin, lib) resolved, so that nothing is taken twice. */
async function physical(root: string, path: string): Promise<string> {
  const [first = "", ...rest] = path.split("/");
  if (rest.length === 0) {
    return path;
  }
  const target = await readlink(join(root, first)).catch(() => undefined);
  return target === undefined ? path : join(target, ...rest);
}

if (import.meta.main) {
  const [from, list, to] = process.argv.slice(2);
  if (from === undefined || list === undefined || to === undefined) {
    process.stderr.write("usage: node image/root/pick.ts <packages' tree> <list> <new tree>\n");
    process.exit(2);
  }
  try {
    await pick(from, pathsOf(await readFile(list, "utf8")), to);
  } catch (error) {
    if (!(error instanceof PickError)) {
      throw error;
    }
    process.stderr.write(`root: ${error.message}\nroot:   ${error.hint}\n`);
    process.exitCode = 1;
  }
}
