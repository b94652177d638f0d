import { writeFile } from "node:fs/promises";
import { hostname, userInfo } from "node:os";
import { type Command, InvalidArgumentError } from "commander";
import { maxTtlMs } from "../command-wire.ts";
import { nameProblem } from "../emit-wire.ts";
import { UmecError } from "../errors.ts";
import { hubCommandSubject, nameSyntax } from "../subjects.ts";
import { addCommand, type Context } from "./context.ts";
import type { HubAddress } from "./hub-connect.ts";
import { defaultTargetPath } from "./target-file.ts";
import { durationArgument } from "./units.ts";

interface SetOptions extends Partial<HubAddress> {
  target: string;
  data?: string;
  ttl: number;
  output?: string;
  json?: true;
}

interface Place {
  /** Left out: the node on this machine. */
  node?: string;
  plugin: string;
  point: string;
}

/** The node's own answer for what takes too long comes first. */
const waitMs = 40_000;

export function addSetCommand(program: Command, context: Context): void {
  addCommand(program, {
    usage: "set",
    summary: "set a point of a plugin, and show what holds then",
    description:
      "Sends a command to a plugin: through the control socket of the node on this machine, or, with --url, from the " +
      "hub. Prints the driver's reply. The value is JSON, or else a text; some points take none.",
    examples: [
      "umec set hall/lamp/level 80                                 # of the node of ./node.yaml",
      "umec set --data /var/lib/umec station/reset",
      "umec set --url nats://127.0.0.1:4222 --creds hub/fleet.creds lamp-0042/hall/lamp/level 80 --ttl 5s",
      "umec set gate/camera/frame --output frame.jpg                # a reply that is bytes",
    ],
  })
    .argument("<point>", "PLUGIN/POINT, from the hub NODE/PLUGIN/POINT")
    .argument("[value]", "JSON, or else a text")
    .option("--ttl <duration>", "done by then, or not at all", ttlArgument, 10_000)
    .option("--target <file>", "the target file of the node on this machine", defaultTargetPath)
    .option("--data <directory>", "the node's data directory, instead of its target file")
    .option("--url <urls>", "the hub's address for clients; several with commas")
    .option("--creds <file>", "credentials of the fleet's user")
    .option("--tls-ca <file>", "your own CA's certificate, PEM")
    .option("--output <file>", "write the reply there; bytes as they are")
    .option("--json", "one JSON object: node, plugin, point, value, reply, ms")
    .action(async (path: string, text: string | undefined, options: SetOptions) => {
      await set(path, text, options, context);
    });
}

async function set(
  path: string,
  text: string | undefined,
  options: SetOptions,
  context: Context,
): Promise<void> {
  const { url, output, json } = options;
  if (url === undefined && (options.creds !== undefined || options.tlsCa !== undefined))
    throw usage("--creds and --tls-ca are for a hub", "name the hub with --url");
  const place = placeOf(path, url !== undefined);
  const value = text === undefined ? undefined : valueOfText(text);
  const startMs = performance.now();
  const send = place.node === undefined ? sendHere : sendFromHub;
  const reply = await send(place, value, options, context);
  const ms = Math.round(performance.now() - startMs);
  const bytes = reply instanceof Uint8Array;
  if (output !== undefined) await writeFile(output, bytes ? reply : `${JSON.stringify(reply ?? null)}\n`);
  const { stdout } = context;
  if (json) {
    const said = bytes ? { bytes: output ?? Buffer.from(reply).toString("base64url") } : reply;
    stdout.write(`${JSON.stringify({ ...place, value, reply: said, ms })}\n`);
  } else if (output === undefined && reply !== undefined) {
    if (bytes && stdout.isTTY)
      throw usage(
        `the reply is ${reply.length} bytes`,
        "the command was done; see its reply with --output <file>",
      );
    stdout.write(bytes ? reply : `${JSON.stringify(reply)}\n`);
  }
}

async function sendHere(
  place: Place,
  value: unknown,
  options: SetOptions,
  context: Context,
): Promise<unknown> {
  const [{ askNode }, { controlSocket }] = await Promise.all([
    import("./control-socket.ts"),
    import("./status.ts"),
  ]);
  const socket = await controlSocket(options.target, options.data);
  const { plugin, point } = place;
  const body = { plugin, point, value, ttlMs: options.ttl, by: asker() };
  return askNode(socket, "/command", { body, timeoutMs: waitMs, signal: context.signal });
}

async function sendFromHub(place: Place, value: unknown, options: SetOptions): Promise<unknown> {
  const [{ connectHub }, { sendCommand }] = await Promise.all([
    import("./hub-connect.ts"),
    import("../commands/send.ts"),
  ]);
  const { node = "", plugin, point } = place;
  const { url = "", creds, tlsCa } = options;
  const address = { url, ...(creds !== undefined && { creds }), ...(tlsCa !== undefined && { tlsCa }) };
  const connection = await connectHub(address);
  try {
    return await sendCommand(connection, {
      subject: hubCommandSubject(node, plugin, point),
      name: `${node}/${plugin}/${point}`,
      value,
      by: asker(),
      ttlMs: options.ttl,
      remote: true,
    });
  } finally {
    await connection.close();
  }
}

function placeOf(path: string, fromHub: boolean): Place {
  const names = path.split("/");
  const node = fromHub ? names.shift() : undefined;
  const plugin = names.shift() ?? "";
  const point = names.join("/");
  const form = fromHub ? "NODE/PLUGIN/POINT" : "PLUGIN/POINT";
  for (const name of node === undefined ? [plugin] : [node, plugin]) {
    if (!nameSyntax.test(name)) throw usage(`${path}: ${JSON.stringify(name)} is no name`, `write ${form}`);
  }
  const problem = nameProblem(point);
  if (problem) throw usage(`${path}: ${JSON.stringify(point)} is no point: ${problem}`, `write ${form}`);
  return { ...(node !== undefined && { node }), plugin, point };
}

function valueOfText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Claimed, not proven. */
function asker(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    // A user id without a name, as in some containers.
    return `${process.getuid?.() ?? "unknown"}@${hostname()}`;
  }
}

function ttlArgument(text: string): number {
  const ms = durationArgument(text);
  if (ms < 1 || ms > maxTtlMs) throw new InvalidArgumentError("Write a duration from 1ms to 1d.");
  return ms;
}

function usage(message: string, hint: string): UmecError {
  return new UmecError("CLI_USAGE", message, { hint });
}
