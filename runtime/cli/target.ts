import { open } from "node:fs/promises";
import { text as textOf } from "node:stream/consumers";
import type { Command } from "commander";
import { messageOf, UmecError } from "../errors.ts";
import { addCommand, type Context } from "./context.ts";
import { askNode } from "./control-socket.ts";
import { controlSocket } from "./status.ts";
import { defaultTargetPath } from "./target-file.ts";

interface TargetOptions {
  data?: string;
  set?: string;
}

/** Checking a large target state loads its drivers. */
const waitMs = 30_000;

export function addTargetCommand(program: Command, context: Context): void {
  addCommand(program, {
    usage: "target",
    summary: "print a running node's target state, or give it another",
    description:
      "Prints the node.yaml of the node on this machine, or replaces it: the node checks the new one as `umec check` " +
      "does, and one with errors changes nothing.",
    examples: [
      "umec target                       # of the node of ./node.yaml",
      "umec target --set lamp.yaml",
      "umec target --data /var/lib/umec --set -    # from standard input, as through ssh",
    ],
  })
    .argument("[file]", "the target file of the node on this machine", defaultTargetPath)
    .option("--data <directory>", "the node's data directory, instead of the target file")
    .option("--set <new>", "the file of the new target state; - is standard input")
    .action(async (file: string, { data, set }: TargetOptions) => {
      const socket = await controlSocket(file, data);
      const ask = { timeoutMs: waitMs, signal: context.signal };
      if (set !== undefined) {
        await askNode(socket, "/target", { ...ask, body: { text: await newText(set) } });
        return;
      }
      const { text } = (await askNode(socket, "/target", ask)) as { text: string };
      context.stdout.write(text);
    });
}

/** The text of a file, or of standard input. @throws UmecError `TARGET_UNREADABLE` */
export async function newText(path: string): Promise<string> {
  try {
    if (path === "-") return await textOf(process.stdin);
    await using file = await open(path);
    return await file.readFile("utf8");
  } catch (cause) {
    throw new UmecError("TARGET_UNREADABLE", `${path} can't be read: ${messageOf(cause)}`, { cause });
  }
}
