/** An object that a program of its own hands over: a file in a directory of its own, and what is to be known of it. */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, UmecError } from "../errors.ts";
import type { StoredObject } from "../plugin/contract.ts";
import { maxObjectBytes } from "./check.ts";

/** One segment, so that it can't leave the directory, and not hidden. */
const fileSyntax = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}$/;

/**
 * Reads what `request` asks for, JSON: `file`, its name in `dir`; `name`, `contentType` and `timeMs` as of
 * {@link StoredObject}. The name and type are judged by who keeps it.
 *
 * @throws UmecError `OBJECT_INVALID` for what can't be kept as it is; `OBJECT_FAILED` when the file can't be read
 */
export async function readProgramObject(
  dir: string,
  request: Uint8Array,
): Promise<{ object: StoredObject; path: string }> {
  const { file, name, contentType, timeMs } = parse(request);
  if (typeof file !== "string" || !fileSyntax.test(file)) {
    throw new UmecError("OBJECT_INVALID", `${shown(file)} is no name of a file in objects/`, {
      hint: "A-Z a-z 0-9 . - _, no directories, and no . at the beginning",
    });
  }
  if (timeMs !== undefined && typeof timeMs !== "number")
    throw new UmecError("OBJECT_INVALID", `${file}: its time ${shown(timeMs)} is no number`);
  const path = join(dir, file);
  const body = await read(path, file);
  return {
    path,
    object: {
      name: name as string,
      contentType: contentType as string,
      body,
      ...(timeMs !== undefined && { timeMs }),
    },
  };
}

function parse(request: Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(request));
  } catch (cause) {
    throw new UmecError("OBJECT_INVALID", `the request is no JSON: ${messageOf(cause)}`, { cause });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new UmecError("OBJECT_INVALID", "the request is no JSON object", {
    hint: 'such as {"file": "still.jpg", "name": "door/still.jpg", "contentType": "image/jpeg"}',
  });
}

/** No link is followed, and what is no plain file, such as a pipe, is not waited for. */
async function read(path: string, file: string): Promise<Uint8Array> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(path, flags).catch((cause: NodeJS.ErrnoException) => {
    const invalid = cause.code === "ENOENT" || cause.code === "ELOOP";
    const code = invalid ? "OBJECT_INVALID" : "OBJECT_FAILED";
    const hint = "write it into objects/ of the plugin's directory, close it, then ask";
    throw new UmecError(code, `${file} can't be read: ${messageOf(cause)}`, { cause, hint });
  });
  try {
    const { size, mode } = await handle.stat();
    if ((mode & constants.S_IFMT) !== constants.S_IFREG)
      throw new UmecError("OBJECT_INVALID", `${file} is no plain file`);
    if (size > maxObjectBytes)
      throw new UmecError("OBJECT_INVALID", `${file}: ${size} bytes, ${maxObjectBytes} are allowed`);
    const body = Buffer.alloc(size);
    const { bytesRead } = await handle.read(body, 0, size, 0);
    if (bytesRead !== size) throw new UmecError("OBJECT_FAILED", `${file} became shorter while it was read`);
    return body;
  } finally {
    await handle.close();
  }
}

function shown(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 250) ?? String(value);
}
