import { dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { socketVariable } from "../people/types.ts";
import type { NodeStatus } from "../status.ts";
import { addCommand, type Context } from "./context.ts";
import { askNode } from "./control-socket.ts";
import type { Look } from "./status-layout.ts";
import { defaultTargetPath, readText } from "./target-file.ts";

interface StatusOptions {
  data?: string;
  json?: true;
  watch?: true;
}

const watchMs = 1000;

export function addStatusCommand(program: Command, context: Context): void {
  addCommand(program, {
    usage: "status",
    summary: "show what a running node does",
    description: "Asks the node on this machine: its link, its outbox, its plugins with their latest values.",
    examples: [
      "umec status                        # the node of ./node.yaml",
      "umec status --data /var/lib/umec --watch",
      "umec status --json | jq .link.state",
    ],
  })
    .argument("[file]", "the node's target file", defaultTargetPath)
    .option("--data <directory>", "the node's data directory, instead of the target file")
    .option("--json", "the whole status as one line of JSON")
    .option("--watch", "again every second, until interrupted")
    .action(async (file: string, options: StatusOptions) => {
      const socket = await controlSocket(file, options.data);
      if (options.watch) await watch(socket, options, context);
      else context.stdout.write(await shown(await look(socket, context), options));
    });
}

/**
 * Where the node of a target file, or of a data directory, listens. In the session of a person who has logged in, and
 * where neither is named, it is the socket of the person's level.
 */
export async function controlSocket(file: string, data?: string): Promise<string> {
  const ofLevel = process.env[socketVariable];
  if (ofLevel !== undefined && data === undefined && file === defaultTargetPath) return ofLevel;
  return join(data ?? (await dataDirectory(file)), "run", "umec.sock");
}

/** The file may have become invalid since the node was started; just its `data` counts here. */
async function dataDirectory(file: string): Promise<string> {
  const { readDocument } = await import("../target/document.ts");
  const { value } = readDocument(await readText(file));
  const data = (value as { data?: unknown } | null | undefined)?.data;
  return resolve(dirname(file), typeof data === "string" ? data : "./data");
}

async function watch(socket: string, options: StatusOptions, context: Context): Promise<void> {
  const { stdout, signal } = context;
  const clear = stdout.isTTY && !options.json ? "\x1b[H\x1b[J" : "";
  let before: Look | undefined;
  while (!signal.aborted) {
    const now = await look(socket, context);
    stdout.write(`${clear}${await shown(now, options, before)}`);
    before = now;
    await sleep(watchMs, undefined, { signal }).catch(() => undefined);
  }
}

async function look(socket: string, { signal }: Context): Promise<Look> {
  return { status: (await askNode(socket, "/status", { signal })) as NodeStatus, atMs: Date.now() };
}

async function shown(now: Look, { json }: StatusOptions, before?: Look): Promise<string> {
  if (json) return `${JSON.stringify(now.status)}\n`;
  const { formatStatus } = await import("./status-layout.ts");
  return formatStatus(now, before);
}
