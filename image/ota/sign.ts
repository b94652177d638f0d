/**
 * A signed bundle of a folder, by RAUC: a squashfs, the hash tree of dm-verity behind it, and the signature (CMS) over the
 * manifest, which has the tree's root hash. The squashfs is the same for the same content; the tree has a random salt, and
 * the signature a time.
 *
 * In the squashfs the images lie as they are, not compressed and in one piece, but for blocks of nothing but zeros, which
 * are left out: a node finds in its slots what it need not fetch, and whoever carries the bundle compresses it himself.
 */
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { root } from "../../bundle/paths.ts";
import { inToolRoot } from "../tool.ts";
import { foldersOf, type Signer } from "./signer.ts";

const squashfsArgs = "-noD -noF -no-fragments -b 128K -all-time 0 -mkfs-time 0 -no-exports";

export interface Manifest {
  /** RAUC's `compatible`, as `umec-virt`. */
  compatible: string;
  /** Semantic. */
  version: string;
  /** Of the images. @default none */
  build?: string;
  /** Images in the folder: file names by the class of the slot that each is for. @default none */
  images?: Readonly<Record<string, string>>;
  /** Sections `[meta.<name>]`. @default none */
  meta?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** The manifest as RAUC reads it (rauc.readthedocs.io, Reference, "Manifest"). */
export function manifestText({ compatible, version, build, images = {}, meta = {} }: Manifest): string {
  const sections = {
    update: { compatible, version, ...(build !== undefined && { build }) },
    bundle: { format: "verity" },
    ...Object.fromEntries(Object.entries(images).map(([slot, filename]) => [`image.${slot}`, { filename }])),
    ...Object.fromEntries(Object.entries(meta).map(([name, values]) => [`meta.${name}`, values])),
  };
  const lines = Object.entries(sections).map(([name, values]) =>
    [`[${name}]`, ...Object.entries(values).map(([key, value]) => `${key}=${value}`), ""].join("\n"),
  );
  return lines.join("\n");
}

/** What a node has as /etc/rauc/system.conf, but with the keyring at another place. */
export async function systemConf(options: {
  /** `umec-virt` */
  compatible: string;
  keyring: string;
  /** That runs; what is older is refused. @default "0.0.0" */
  version?: string;
  /** @default the node's */
  dataDirectory?: string;
}): Promise<string> {
  const { compatible, keyring, version = "0.0.0", dataDirectory = "/data/rauc" } = options;
  const template = await readFile(join(root, "image/rauc/system.conf.in"), "utf8");
  return template
    .replace("compatible=umec-@BOARD@", `compatible=${compatible}`)
    .replace("min-bundle-version=@VERSION@", `min-bundle-version=${version}`)
    .replace("path=/etc/rauc/keyring.pem", `path=${resolve(keyring)}`)
    .replace("data-directory=/data/rauc", `data-directory=${resolve(dataDirectory)}`);
}

/**
 * Signs `work/content` to `work/bundle.raucb`, and returns its path. The bundle is verified as a node does it before it
 * appears.
 *
 * @throws UmecError `IMAGE_TOOL_FAILED`, also when the certificate is not good for it
 */
export async function signBundle(work: string, manifest: Manifest, signer: Signer): Promise<string> {
  const content = join(work, "content");
  await mkdir(content, { recursive: true });
  await writeFile(join(content, "manifest.raucm"), manifestText(manifest));
  await copyFile(signer.keyring, join(work, "keyring.pem"));
  const conf = await systemConf({
    compatible: manifest.compatible,
    keyring: join(work, "keyring.pem"),
    dataDirectory: work,
  });
  await writeFile(join(work, "system.conf"), conf);
  const args = ["--conf=system.conf", `--cert=${signer.cert}`, `--key=${signer.key}`];
  await inToolRoot(
    ["rauc", ...args, `--mksquashfs-args=${squashfsArgs}`, "bundle", "content", "bundle.raucb"],
    {
      cwd: work,
      bind: foldersOf(signer),
    },
  );
  return join(work, "bundle.raucb");
}
