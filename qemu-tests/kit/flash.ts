import { execFile } from "node:child_process";
import { constants, copyFile, mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { UmecError } from "../../runtime/errors.ts";
import { fileBlocks, partOf } from "./blocks.ts";
import { Fat } from "./fat.ts";
import { readGpt } from "./gpt.ts";

/** What `umec.json` on the boot partition says; the node takes it over at its next start. */
export interface NodeConfig {
  /** The node's name. */
  node: string;
  hub?: {
    /** `nats-leaf://host:port`, or `tls://host:port`. */
    urls: readonly string[];
    /** The text of the node's credentials file. */
    credentials?: string;
    /** With which the node enrols. */
    token?: string;
    /** The hub's CA, PEM. */
    ca?: string;
  };
  /** Other keys of `node.yaml`: plugins, outbox, log, clock. */
  target?: Readonly<Record<string, unknown>>;
  /** Public keys that may log in. */
  ssh?: readonly string[];
  network?: Readonly<Record<string, unknown>>;
}

export interface FlashOptions {
  image: string;
  /** Is written over. */
  file: string;
  /** @default the boot partition stays as it is in the image */
  config?: NodeConfig;
  /**
   * `umec` runs `umec flash`, as users do; `copy` copies the image sparse and puts the configuration into place.
   * @default "copy"
   */
  how?: "copy" | "umec";
  signal?: AbortSignal;
}

const umec = fileURLToPath(new URL("../../node_modules/.bin/umec", import.meta.url));
const configFile = "umec.json";

/** Makes a card of an image, with the node's configuration on it. @throws UmecError `FLASH_FAILED` */
export async function flashToFile({
  image,
  file,
  config,
  how = "copy",
  signal,
}: FlashOptions): Promise<void> {
  if (how === "umec")
    return flashWithUmec({ image, file, ...(config && { config }), ...(signal && { signal }) });
  await copySparse(image, file);
  if (config) await inject(file, config);
}

async function flashWithUmec({ image, file, config, signal }: FlashOptions): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "umec-flash-"));
  try {
    const args = ["flash", image, file, "--yes"];
    if (config) {
      const path = join(dir, configFile);
      await writeFile(path, JSON.stringify(config), { mode: 0o600 });
      args.push("--config", path);
    }
    await promisify(execFile)(umec, args, { ...(signal && { signal }), maxBuffer: 16 * 2 ** 20 });
  } catch (cause) {
    signal?.throwIfAborted();
    const words = (cause as { stderr?: string }).stderr?.trim().slice(-2000);
    throw new UmecError("FLASH_FAILED", `umec flash ${image}: ${words || String(cause)}`, { cause });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Over the blanks that the image has there, so that nothing else in the file system changes. */
async function inject(file: string, config: NodeConfig): Promise<void> {
  const handle = await open(file, "r+");
  try {
    const disk = fileBlocks(handle, (await handle.stat()).size);
    const boot = (await readGpt(disk)).find(({ label }) => label === "boot");
    if (!boot) throw new UmecError("FLASH_FAILED", `${file} has no boot partition`);
    const fat = await Fat.open(partOf(disk, boot.start, boot.bytes));
    const room = (await fat.readFile(configFile)).length;
    const text = Buffer.from(JSON.stringify(config, null, 1));
    if (text.length >= room) {
      throw new UmecError(
        "FLASH_FAILED",
        `a configuration of ${text.length} bytes does not fit into ${room}`,
      );
    }
    await fat.writeFile(
      configFile,
      Buffer.concat([text, Buffer.alloc(room - text.length - 1, " "), Buffer.from("\n")]),
    );
  } finally {
    await handle.close();
  }
}

/** Clones the file where the file system can, else copies it and leaves out what is zero. */
async function copySparse(from: string, to: string): Promise<void> {
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE_FORCE);
  } catch {
    await promisify(execFile)("cp", ["--sparse=always", "--", from, to]);
  }
}
