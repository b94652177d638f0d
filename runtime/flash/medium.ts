/**
 * The disk or file that is written, open for reading and writing.
 *
 * A disk is opened with O_EXCL: the kernel refuses it while anybody has it, or a partition of it, mounted or claimed, in
 * whatever namespace, and lets nobody mount it while it is written. What lies on whole blocks goes by direct I/O
 * (O_DIRECT), so what is read back comes from the medium and not from memory, and writing does not push everything
 * else out of memory; the rest, and all of it where a file system does not know O_DIRECT, goes through the page cache
 * and is on the medium after `sync`.
 */
import { constants, type FileHandle, open } from "node:fs/promises";
import { messageOf, UmecError } from "../errors.ts";
import { alignment, allocateAligned, isAligned } from "./aligned.ts";

/** Most bytes that one `read` gives. */
export const readBytes = 4 * 2 ** 20;

export interface Medium extends AsyncDisposable {
  readonly path: string;
  readonly bytes: number;
  /** Whether reading goes past the page cache. */
  readonly direct: boolean;
  /** @throws UmecError `FLASH_WRITE` */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /**
   * `length` bytes (at most {@link readBytes}) from `position`; they are good until the next `read`.
   *
   * @throws UmecError `FLASH_READ`
   */
  read(position: number, length: number): Promise<Uint8Array>;
  /** Resolves when all that was written is on the medium. @throws UmecError `FLASH_WRITE` */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface MediumOptions {
  path: string;
  bytes: number;
  /** `file`: it is made if it is missing. `fresh` also empties it: all of it is a hole then. */
  kind: "disk" | "file" | "fresh file";
}

/** @throws UmecError `FLASH_BUSY`, `FLASH_FORBIDDEN`, `FLASH_OPEN` */
export async function openMedium({ path, bytes, kind }: MediumOptions): Promise<Medium> {
  const plain = await openOrExplain(
    path,
    constants.O_RDWR | (kind === "disk" ? constants.O_EXCL : constants.O_CREAT),
  );
  let direct: FileHandle | undefined;
  try {
    if (kind === "fresh file") {
      await plain.truncate(0);
      await plain.truncate(bytes);
    }
    direct = await open(path, constants.O_RDWR | constants.O_DIRECT).catch(() => undefined);
  } catch (cause) {
    await plain.close();
    throw new UmecError("FLASH_OPEN", `${path} can't be made: ${messageOf(cause)}`, { cause });
  }
  return new OpenMedium(path, bytes, plain, direct);
}

async function openOrExplain(path: string, flags: number): Promise<FileHandle> {
  try {
    return await open(path, flags, 0o644);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "EBUSY") {
      throw new UmecError("FLASH_BUSY", `${path} is in use by something else`, {
        cause,
        hint: "unmount it wherever it is mounted, also in other namespaces and containers",
      });
    }
    if (code === "EACCES" || code === "EPERM") {
      throw new UmecError("FLASH_FORBIDDEN", `you may not write to ${path}`, {
        cause,
        hint: "writing to a disk takes root: start it with sudo",
      });
    }
    const hint = code === "EROFS" ? "is the card write protected? Its adapter has a switch" : undefined;
    throw new UmecError("FLASH_OPEN", `${path} can't be opened: ${messageOf(cause)}`, {
      cause,
      ...(hint !== undefined && { hint }),
    });
  }
}

class OpenMedium implements Medium {
  readonly path: string;
  readonly bytes: number;
  readonly #plain: FileHandle;
  #direct: FileHandle | undefined;
  readonly #scratch = allocateAligned(readBytes + 2 * alignment);

  constructor(path: string, bytes: number, plain: FileHandle, direct: FileHandle | undefined) {
    this.path = path;
    this.bytes = bytes;
    this.#plain = plain;
    this.#direct = direct;
  }

  get direct(): boolean {
    return this.#direct !== undefined;
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    try {
      if (isAligned(bytes, position) && (await this.#writeDirect(bytes, position))) return;
      await writeAll(this.#plain, bytes, position);
    } catch (cause) {
      throw this.#writeError(`${this.path} could not be written at byte ${position}`, cause);
    }
  }

  /** `false`: direct I/O is not to be had here. */
  async #writeDirect(bytes: Uint8Array, position: number): Promise<boolean> {
    if (!this.#direct) return false;
    try {
      await writeAll(this.#direct, bytes, position);
      return true;
    } catch (error) {
      if (!(await this.#giveUpDirect(error))) throw error;
      return false;
    }
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    const start = position - (position % alignment);
    const wanted = Math.ceil((position + length - start) / alignment) * alignment;
    const needed = position + length - start;
    try {
      let got = 0;
      while (got < needed) {
        const { bytesRead } = await this.#readOnce(got, wanted - got, start + got);
        if (bytesRead === 0) throw new Error("it ends there");
        got += bytesRead;
      }
    } catch (cause) {
      throw new UmecError(
        "FLASH_READ",
        `${this.path} could not be read at byte ${start}: ${messageOf(cause)}`,
        {
          cause,
          hint: "the card or its reader is faulty: try another one",
        },
      );
    }
    return this.#scratch.subarray(position - start, needed);
  }

  async #readOnce(offset: number, length: number, position: number): Promise<{ bytesRead: number }> {
    const view = this.#scratch.subarray(offset, offset + length);
    // After a read that ended early the rest may lie across blocks.
    if (this.#direct && isAligned(view, position)) {
      try {
        return await this.#direct.read(view, 0, length, position);
      } catch (error) {
        if (!(await this.#giveUpDirect(error))) throw error;
      }
    }
    return this.#plain.read(view, 0, length, position);
  }

  async #giveUpDirect(error: unknown): Promise<boolean> {
    if ((error as NodeJS.ErrnoException).code !== "EINVAL") return false;
    await this.#direct?.close();
    this.#direct = undefined;
    return true;
  }

  async sync(): Promise<void> {
    try {
      await this.#plain.sync();
    } catch (cause) {
      throw this.#writeError(`${this.path} did not take all that was written`, cause);
    }
  }

  #writeError(message: string, cause: unknown): UmecError {
    const full = (cause as NodeJS.ErrnoException).code === "ENOSPC";
    const hint = full ? "there is no room for it" : "the card or its reader is faulty: try another one";
    return new UmecError("FLASH_WRITE", `${message}: ${messageOf(cause)}`, { cause, hint });
  }

  async close(): Promise<void> {
    await this.#direct?.close();
    await this.#plain.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.length)
    done += (await handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
}
