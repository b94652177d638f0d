/**
 * Where the driver reads: text files and folders below one root, which is `/` on a node and a tree of files in a test.
 * What can't be read is not there: most of it depends on the board, the kernel and the user.
 */
import { readdir, readFile, readlink } from "node:fs/promises";
import { basename, join } from "node:path";

export interface Tree {
  /** The file's text without blanks around it; `undefined` when it can't be read. */
  text(path: string): Promise<string | undefined>;
  /** The file's whole content as a finite number; `undefined` when it is none. */
  number(path: string): Promise<number | undefined>;
  /** Names in a folder, sorted; none when it can't be read. */
  names(path: string): Promise<string[]>;
  /** Last part of what a link points to. */
  linkName(path: string): Promise<string | undefined>;
  /** The real path of something below the root. */
  path(path: string): string;
}

export function createTree(root: string): Tree {
  const text = (path: string): Promise<string | undefined> =>
    readFile(join(root, path), "utf8").then(
      (found) => found.trim(),
      () => undefined,
    );
  return {
    text,
    async number(path) {
      const found = await text(path);
      const value = found === undefined || found === "" ? Number.NaN : Number(found);
      return Number.isFinite(value) ? value : undefined;
    },
    names: (path) =>
      readdir(join(root, path)).then(
        (names) => names.sort(),
        () => [],
      ),
    linkName: (path) =>
      readlink(join(root, path)).then(
        (target) => basename(target),
        () => undefined,
      ),
    path: (path) => join(root, path),
  };
}

/** A name of the kernel as a part of a point's name: `CPU thermal` is `CPU-thermal`. */
export function pointName(name: string): string {
  const fit = name
    .replaceAll(/[^A-Za-z0-9_-]+/g, "-")
    .replace(/^[-_]+/, "")
    .replace(/-+$/, "");
  return fit === "" ? "unnamed" : fit;
}

/** How much a counter grew each second; `undefined` when that can not be said. */
export function ratePerS(before: number, now: number, elapsedMs: number): number | undefined {
  // A counter that fell began anew: the interface or the disk was taken away and came back.
  return elapsedMs > 0 && now >= before ? ((now - before) * 1000) / elapsedMs : undefined;
}
