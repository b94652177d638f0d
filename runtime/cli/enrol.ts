import { open, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { text as textOf } from "node:stream/consumers";
import type { Command } from "commander";
import { isUmecError, messageOf, UmecError } from "../errors.ts";
import { addCommand, type Context } from "./context.ts";
import { askNode } from "./control-socket.ts";
import { controlSocket } from "./status.ts";
import { checkFile, defaultTargetPath } from "./target-file.ts";

interface Options {
  data?: string;
  out?: string;
}

export function addEnrolCommand(program: Command, context: Context): void {
  const enrol = addCommand(program, {
    usage: "enrol",
    summary: "enrol a node that can't reach its hub, by files that somebody carries",
    description:
      "A node with a token enrols by itself as soon as it reaches its hub; this is for one that does not. Neither file " +
      "holds a secret.",
    examples: [
      "umec enrol question --out question.json              # at the node",
      "umec hub enrol question.json --out answer.json       # at the hub",
      "umec enrol answer answer.json                        # at the node",
    ],
  });
  addCommand(enrol, {
    usage: "question",
    summary: "write the question of this node",
    examples: ["umec enrol question --out question.json", "umec enrol question /data/umec/node.yaml"],
  })
    .argument("[file]", "the target file of the node on this machine", defaultTargetPath)
    .option("--data <directory>", "the running node's data directory, instead of the target file")
    .option("--out <path>", "where it goes (default: standard output)")
    .action(async (file: string, { data, out }: Options) => {
      const text = `${await question(file, data, context)}\n`;
      if (out === undefined) {
        context.stdout.write(text);
        return;
      }
      const { writePrivateFile } = await import("../nats/private-file.ts");
      await writePrivateFile(resolve(out), text);
      context.stdout.write(`take ${out} to the hub: umec hub enrol\n`);
    });
  addCommand(enrol, {
    usage: "answer",
    summary: "take the hub's answer",
    examples: ["umec enrol answer answer.json", "umec enrol answer answer.json /data/umec/node.yaml"],
  })
    .argument("<answer>", "the hub's file; - is standard input")
    .argument("[file]", "the target file of the node on this machine", defaultTargetPath)
    .option("--data <directory>", "the running node's data directory, instead of the target file")
    .action(async (path: string, file: string, { data }: Options) => {
      const { node, expiresAtMs } = await answer(await read(path), file, data, context);
      const until = new Date(expiresAtMs).toISOString();
      context.stdout.write(`${node} is enrolled, until ${until}; it renews that when it reaches its hub\n`);
    });
}

async function question(file: string, data: string | undefined, { signal }: Context): Promise<string> {
  const asked = await ask<{ text: string }>(file, data, "/enrol/question", {}, signal);
  return asked ? asked.text : (await handOf(file)).question();
}

async function answer(text: string, file: string, data: string | undefined, { signal }: Context) {
  const body = { text };
  const taken = await ask<{ node: string; expiresAtMs: number }>(file, data, "/enrol/answer", body, signal);
  return taken ?? (await handOf(file)).answer(text);
}

/** `undefined`: the node does not run, and what is asked can be done on its files. */
async function ask<T>(
  file: string,
  data: string | undefined,
  path: string,
  body: unknown,
  signal: AbortSignal,
): Promise<T | undefined> {
  const socket = await controlSocket(file, data);
  try {
    return (await askNode(socket, path, { body, signal, timeoutMs: 30_000 })) as T;
  } catch (error) {
    if (data === undefined && isUmecError(error, "NODE_NOT_RUNNING")) return undefined;
    throw error;
  }
}

async function handOf(file: string) {
  const [{ createHand }, { Keyring }, { silentLog }, { checkTarget }, { drivers }] = await Promise.all([
    import("../enrol/hand.ts"),
    import("../identity/keyring.ts"),
    import("../log.ts"),
    import("../target/check.ts"),
    import("../drivers.ts"),
  ]);
  const { target } = await checkFile(file);
  if (!target) throw new UmecError("TARGET_INVALID", `${file} has errors`, { hint: "see `umec check`" });
  const { node, dataPath } = target;
  await requireOwner(dataPath);
  const { formatFinding } = await import("../target/finding.ts");
  const keyring = new Keyring({ dir: `${dataPath}/keys`, env: process.env, log: silentLog });
  return createHand({
    ...{ node, dataPath, targetPath: resolve(file), log: silentLog },
    identity: () => keyring.open(),
    check: async (text) => {
      const { findings } = await checkTarget(text, { path: file, drivers });
      return findings.filter(({ severity }) => severity === "error").map(formatFinding);
    },
  });
}

/** Files of another user would be there, which the node itself can't read. */
async function requireOwner(dataPath: string): Promise<void> {
  const owner = await stat(dataPath).catch(() => undefined);
  if (!owner || owner.uid === process.geteuid?.()) return;
  throw new UmecError("ENROL_WRONG_USER", `${dataPath} belongs to user ${owner.uid}`, {
    hint: "start the node, or run this as its user",
  });
}

async function read(path: string): Promise<string> {
  try {
    if (path === "-") return await textOf(process.stdin);
    await using file = await open(path);
    return await file.readFile("utf8");
  } catch (cause) {
    throw new UmecError("ENROL_UNREADABLE", `${path} can't be read: ${messageOf(cause)}`, { cause });
  }
}
