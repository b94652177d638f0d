import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import type { Command } from "commander";
import { UmecError } from "../errors.ts";
import type { NodeStatus } from "../status.ts";
import { addCommand, type Context } from "./context.ts";
import type { HubAddress } from "./hub-connect.ts";
import { defaultTargetPath } from "./target-file.ts";

interface SealOptions extends Omit<HubAddress, "url"> {
  target: string;
  data?: string;
  node?: string;
  key?: string;
  url: string;
}

const mostBytes = 16 * 1024;

export function addSealCommand(program: Command, context: Context): void {
  addCommand(program, {
    usage: "seal",
    summary: "seal a secret so that one node alone can open it",
    description:
      "Reads a secret from the terminal or from standard input, and prints the text that goes into the node's " +
      "target state, under secrets: NAME. It opens on that node only, and under that name only.",
    examples: [
      "umec seal camera                                    # for the node of ./node.yaml, which runs; asks",
      "umec seal camera --node lamp-0042 --creds hub/fleet.creds > camera.sealed",
      'pass show camera | umec seal camera --key "$(jq -r .identity.keys.seal status.json)"',
    ],
  })
    .argument("<name>", "what the plugins' options call it")
    .option("--target <file>", "the target file of the node on this machine", defaultTargetPath)
    .option("--data <directory>", "the node's data directory, instead of its target file")
    .option("--node <name>", "a node that the hub knows, instead of the one on this machine")
    .option("--url <urls>", "the hub's address for clients; several with commas", "nats://127.0.0.1:4222")
    .option("--creds <file>", "credentials of the fleet's user")
    .option("--tls-ca <file>", "your own CA's certificate, PEM")
    .option(
      "--key <key>",
      "the node's public key, identity.keys.seal of its status, instead of asking anybody",
    )
    .action((name: string, options: SealOptions) => sealOne(name, options, context));
}

async function sealOne(name: string, options: SealOptions, context: Context): Promise<void> {
  if (!/^[a-z0-9-]{1,63}$/.test(name))
    throw new UmecError("CLI_USAGE", `${JSON.stringify(name)} is no name of a secret`, {
      hint: "use 1 to 63 of a-z, 0-9 and -; the secret itself is read from standard input",
    });
  // First, so that nobody types a password for nothing.
  const key = await keyOf(options, context);
  const value = await readValue(name, context);
  const { seal } = await import("../identity/seal.ts");
  context.stdout.write(`${await seal(key, value, name)}\n`);
}

async function keyOf(options: SealOptions, context: Context): Promise<string> {
  if (options.key !== undefined) return options.key;
  if (options.node !== undefined) return keyOfFleet(options.node, options);
  const [{ controlSocket }, { askNode }] = await Promise.all([
    import("./status.ts"),
    import("./control-socket.ts"),
  ]);
  const socket = await controlSocket(options.target, options.data);
  const { identity } = (await askNode(socket, "/status", { signal: context.signal })) as NodeStatus;
  if (identity.keys) return identity.keys.seal;
  throw new UmecError("SEAL_NODE_KEYLESS", `the node has no keys: ${identity.fault?.message}`, {
    hint: "put its seed in order first; what is sealed to earlier keys of it stays shut without them",
  });
}

/** By the hub's record, so that it is the key that the node enrolled with. */
async function keyOfFleet(node: string, address: HubAddress): Promise<string> {
  const [{ connectHub }, { createNodeRecords }] = await Promise.all([
    import("./hub-connect.ts"),
    import("../hub/node-records.ts"),
  ]);
  const nc = await connectHub(address);
  try {
    const record = (await createNodeRecords(nc).get(node))?.record;
    if (record?.state === "enrolled") return record.keys.seal;
    const why = record ? `${node} was revoked` : `the hub knows no keys of ${node}`;
    throw new UmecError("SEAL_NODE_UNKNOWN", why, {
      hint: record ? "nothing more is sealed to it" : "has it enrolled? Else give its public key with --key",
    });
  } finally {
    await nc.close();
  }
}

/** Never from the command line, which others see and the shell remembers. A line break at the end is not part of it. */
async function readValue(name: string, { stderr, signal }: Context): Promise<Uint8Array> {
  const { stdin } = process;
  const bytes = stdin.isTTY ? await promptFor(name, { stderr, signal }) : await readAll(stdin, signal);
  const end = bytes.at(-1) !== 0x0a ? 0 : bytes.at(-2) === 0x0d ? -2 : -1;
  const value = end === 0 ? bytes : bytes.subarray(0, end);
  if (value.length === 0) throw new UmecError("CLI_USAGE", `there is no secret to seal as ${name}`);
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(value);
  } catch (cause) {
    throw new UmecError("CLI_USAGE", "the secret is no text in UTF-8", {
      cause,
      hint: "encode it, as base64",
    });
  }
  return value;
}

async function readAll(stdin: NodeJS.ReadStream, signal: AbortSignal): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  const stop = (): void => void stdin.destroy();
  signal.addEventListener("abort", stop, { once: true });
  for await (const part of stdin) {
    parts.push(part as Buffer);
    length += (part as Buffer).length;
    if (length > mostBytes)
      throw new UmecError(
        "CLI_USAGE",
        `the secret has more than ${mostBytes} bytes: seal a key to it instead`,
      );
  }
  signal.removeEventListener("abort", stop);
  signal.throwIfAborted();
  return Buffer.concat(parts);
}

async function promptFor(
  name: string,
  { stderr, signal }: Pick<Context, "stderr" | "signal">,
): Promise<Buffer> {
  // As a terminal of its own it takes the echo from the real one; what it would show goes nowhere.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true, historySize: 0 });
  lines.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
  try {
    stderr.write(`${name} (not shown): `);
    return Buffer.from(await lines.question("", { signal }));
  } finally {
    lines.close();
    stderr.write("\n");
  }
}
