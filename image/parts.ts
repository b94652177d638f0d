/** What an image is put together from. Each script prints a path in the cache, and makes it if it is not there. */
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Steps } from "./steps.ts";
import { pathFrom } from "./tool.ts";

export interface Parts {
  /** Folder with Image, dtbs/, config. */
  readonly kernel: string;
  /** The initramfs. */
  readonly initrd: string;
  /** Folder with root.img, verity, manifest.txt. */
  readonly root: string;
}

export interface PartsOptions {
  onMessage: (text: string) => void;
  /** Folder whose files are laid over the root slot's. @default none */
  overlay?: string | undefined;
}

export async function collectParts({ step }: Steps, { onMessage, overlay }: PartsOptions): Promise<Parts> {
  await step("tool root", () => pathFrom("image/tools/root.sh", [], { onMessage }));
  const kernel = await step("kernel", () => pathFrom("image/kernel/build.sh", [], { onMessage }));
  const root = await step("root slot", () =>
    pathFrom("image/root/build.sh", overlay ? ["--overlay", overlay] : [], { onMessage }),
  );
  const initrd = await step("initramfs", () => pathFrom("image/boot/initrd.sh", [], { onMessage }));
  return { kernel, initrd, root };
}

/** What can be said about the parts, for the image's manifest: versions, sizes in bytes, the root hash. */
export async function describeParts({ kernel, initrd, root }: Parts) {
  const text = async (...path: string[]) => (await readFile(join(...path), "utf8")).trim();
  const bytes = async (...path: string[]) => (await stat(join(...path))).size;
  const config = await text(kernel, "config");
  const verity = Object.fromEntries(
    (await text(root, "verity")).split("\n").map((line) => line.split("=", 2)),
  );
  return {
    kernel: {
      version: /^# Linux\/\S+ (\S+) Kernel Configuration$/m.exec(config)?.[1],
      // Debian's source package, whose fixes have numbers of their own.
      package: /^source_version=(\S+)$/m.exec(await text(import.meta.dirname, "kernel/build.sh"))?.[1],
      build: basename(kernel),
      bytes: await bytes(kernel, "Image"),
      deviceTrees: (await readdir(join(kernel, "dtbs"))).toSorted(),
    },
    initramfs: { busybox: await text(dirname(initrd), "busybox-version"), bytes: await bytes(initrd) },
    root: { build: basename(root), bytes: await bytes(root, "root.img"), verity },
  };
}
