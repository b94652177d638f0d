import { open, readFile } from "node:fs/promises";
import { Readable } from "node:stream";
import type { Command } from "commander";
import { messageOf, UmecError } from "../errors.ts";
import { addCommand, type Context } from "./context.ts";
import { askNode } from "./control-socket.ts";
import { controlSocket } from "./status.ts";
import { defaultTargetPath } from "./target-file.ts";

interface UpdateOptions {
  data?: string;
  permit?: string;
  restart?: true;
}

/** A large bundle from a slow stick. */
const waitMs = 3_600_000;

export function addUpdateCommand(program: Command, context: Context): void {
  addCommand(program, {
    usage: "update",
    summary: "install a bundle on this node, without a hub",
    description:
      "Brings a bundle to the node on this machine, from a file, a USB stick, standard input or an HTTP(S) address. The node " +
      "writes it beside the system that runs and restarts into it; if that is not good it falls back by itself. Only a bundle that " +
      "is signed for this kind of board is installed. `umec status` says how far it is; the hub is told.",
    examples: [
      "umec update /media/stick/umec-1.4.0-rpi.raucb",
      "umec update https://example.org/umec-1.4.0-rpi.raucb",
      "ssh maintainer@lamp-0042 umec update - <umec-1.4.0-rpi.raucb",
      "umec update --restart    # now, for what is installed and waits for its time",
    ],
  })
    .argument("[bundle]", "a file, an http:// or https:// address, or - for standard input")
    .option("--permit <file>", "a maintainer's, for a version that is older than what runs")
    .option("--restart", "restart the node for the update that is installed")
    .option("--data <directory>", "the node's data directory")
    .action((bundle: string | undefined, options: UpdateOptions) => update(bundle, options, context));
}

async function update(bundle: string | undefined, options: UpdateOptions, context: Context): Promise<void> {
  const { data, permit, restart } = options;
  const { signal, stdout } = context;
  if ((bundle === undefined) !== (restart === true))
    throw new UmecError("CLI_USAGE", "name a bundle, or give --restart");
  const socket = await controlSocket(defaultTargetPath, data);
  if (bundle === undefined) {
    await askNode(socket, "/update/restart", { body: {}, signal });
    stdout.write("the node restarts\n");
    return;
  }
  const body = permit === undefined ? {} : { permit: (await readAll(permit)).toString("base64") };
  const content = await contentOf(bundle, signal);
  await askNode(socket, "/update/bundle", { content, timeoutMs: waitMs, signal });
  const { id } = (await askNode(socket, "/update", { body, signal })) as { id: string };
  stdout.write(`the node installs it as ${id}: see umec status\n`);
}

async function contentOf(bundle: string, signal: AbortSignal): Promise<{ stream: Readable; bytes?: number }> {
  if (bundle === "-") return { stream: process.stdin };
  if (/^https?:\/\//.test(bundle)) return download(bundle, signal);
  try {
    const file = await open(bundle);
    return { stream: file.createReadStream(), bytes: (await file.stat()).size };
  } catch (cause) {
    throw unreadable(bundle, cause);
  }
}

async function download(url: string, signal: AbortSignal): Promise<{ stream: Readable; bytes?: number }> {
  const response = await fetch(url, { signal }).catch((cause: unknown) => {
    signal.throwIfAborted();
    throw unreadable(url, cause);
  });
  if (!response.ok || !response.body) throw unreadable(url, new Error(`the server says ${response.status}`));
  const length = Number(response.headers.get("content-length") ?? Number.NaN);
  // What is encoded has another length than what comes out.
  const known = Number.isSafeInteger(length) && !response.headers.has("content-encoding");
  return { stream: Readable.from(response.body), ...(known && { bytes: length }) };
}

async function readAll(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function unreadable(what: string, cause: unknown): UmecError {
  return new UmecError("UPDATE_UNREADABLE", `${what} can't be read: ${messageOf(cause)}`, { cause });
}
