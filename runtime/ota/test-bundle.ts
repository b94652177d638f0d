/** Bundles for tests, made by the real RAUC of the tool root: a root image with its hash tree, and a kernel slot. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inToolRoot } from "../../image/tool.ts";
import type { BundleInfo } from "../update/types.ts";
import { readBundleInfo } from "./raucb.ts";

export interface TestBundle {
  path: string;
  /** The images in it, as slots of a node hold them. */
  rootImage: string;
  bootImage: string;
  info: BundleInfo;
}

export interface TestBundleOptions {
  dir: string;
  version: string;
  /** What the root has in it, by name. */
  root: Readonly<Record<string, Uint8Array>>;
  boot: Uint8Array;
  /** @default "umec-virt" */
  compatible?: string;
}

/** `image/root/assemble.sh` salts the tree by the content's own checksum, and so does this. */
const script = `
  [ -e cert.pem ] || openssl req -quiet -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=test
  mkdir "$1/content"
  mksquashfs "$1/tree" "$1/content/root.img" -quiet -no-progress -noappend -all-root -all-time 0 -mkfs-time 0 \\
    -no-exports -no-xattrs -comp zstd -b 256K >&2
  bytes=$(stat -c %s "$1/content/root.img")
  salt=$(sha256sum "$1/content/root.img" | cut -d ' ' -f 1)
  veritysetup format --no-superblock --hash=sha256 --data-block-size=4096 --hash-block-size=4096 \\
    --data-blocks=$((bytes / 4096)) --hash-offset="$bytes" --salt="$salt" "$1/content/root.img" "$1/content/root.img" >&2
  cp "$1/boot.img" "$1/content/boot.img"
  printf '[update]\\ncompatible=%s\\nversion=%s\\n[bundle]\\nformat=verity\\n' "$3" "$2" >"$1/content/manifest.raucm"
  printf '[image.boot]\\nfilename=boot.img\\n[image.rootfs]\\nfilename=root.img\\n' >>"$1/content/manifest.raucm"
  rauc --cert=cert.pem --key=key.pem bundle --mksquashfs-args="-noI -noD -noF -noX -no-fragments" \\
    "$1/content" "$1/bundle.raucb" >&2`;

export async function makeTestBundle(options: TestBundleOptions): Promise<TestBundle> {
  const { dir, version, root, boot, compatible = "umec-virt" } = options;
  const here = join(dir, `v${version}`);
  await mkdir(join(here, "tree"), { recursive: true });
  for (const [name, content] of Object.entries(root)) await writeFile(join(here, "tree", name), content);
  await writeFile(join(here, "boot.img"), boot);
  await inToolRoot(["sh", "-e", "-c", script, "sh", here, version, compatible], { cwd: dir });
  const path = join(here, "bundle.raucb");
  const content = join(here, "content");
  return {
    path,
    rootImage: join(content, "root.img"),
    bootImage: join(content, "boot.img"),
    info: await readBundleInfo(path),
  };
}

/** Bytes that no compression makes shorter, the same for the same seed. */
export function noise(bytes: number, seed: number): Buffer {
  const out = Buffer.alloc(bytes);
  let state = seed | 0;
  for (let i = 0; i < bytes; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    out[i] = state >>> 11;
  }
  return out;
}
