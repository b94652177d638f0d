import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import type { Token } from "../enrol-wire.ts";
import { UmecError } from "../errors.ts";
import type { TokenRequest } from "../hub/tokens.ts";
import { addCommand, type Context } from "./context.ts";
import { durationArgument } from "./units.ts";

interface Options {
  data: string;
  hubUrl: string[];
  ca?: string;
  target?: string;
  sshKey?: string[];
  token?: true;
  expires?: number;
  out?: string;
}

const collect = (value: string, before: string[] = []) => [...before, value];

export function addHubCardCommand(hub: Command, context: Context): void {
  addCommand(hub, {
    usage: "card",
    summary: "print the umec.json of a node",
    description:
      "Prints what `umec flash --config` puts on a node's card: with --token a new token, with which the node enrols and makes " +
      "keys of its own; without it the credentials that the embedded hub made for a node of --node. The hub may run. The output " +
      "is secret.",
    examples: [
      "umec hub card lamp-0042 --token --hub-url tls://hub.example.org:7422 --out lamp-0042.json",
      "umec hub card lamp-0042 --token --hub-url tls://10.0.0.2:7422 --ca ca.pem --target lamps.yaml --ssh-key ~/.ssh/id_ed25519.pub",
    ],
  })
    .argument("<node>", "the node's name")
    .option("--data <directory>", "the hub's", "hub")
    .requiredOption("--hub-url <url>", "where nodes reach the hub; may be given again", collect)
    .option("--ca <file>", "your own CA's certificate, PEM (default: the hub's own, if it has one)")
    .option("--target <node.yaml>", "its keys, but for its name")
    .option("--ssh-key <file>", "public keys that may log in; may be given again", collect)
    .option("--token", "a token for enrolment instead of credentials")
    .option("--expires <duration>", "how long it can be used, such as 12h (default: 7d)", durationArgument)
    .option("--out <file>", "write it there, for its owner alone (default: standard output)")
    .action(async (node: string, options: Options) => printCard(node, options, context));
}

async function printCard(node: string, given: Options, context: Context): Promise<void> {
  const [{ checkedText }, { writePrivateFile }] = await Promise.all([
    import("./flash-card.ts"),
    import("../nats/private-file.ts"),
  ]);
  const { ownCa } = await import("./hub-token-parts.ts");
  const options = { ...given, ...(await ownCa(given)) };
  const { out, token, expires } = options;
  if (expires !== undefined && !token)
    throw new UmecError("CLI_USAGE", "--expires is of a token: give --token too");
  const card = token ? await tokenCard(node, options, context) : await credentialsCard(node, options);
  const text = await checkedText(card, `umec.json of ${node}`, context);
  if (out === undefined) context.stdout.write(text);
  else await writePrivateFile(resolve(out), text);
}

async function credentialsCard(node: string, options: Options): Promise<string> {
  const { data, hubUrl } = options;
  const [{ readNodes }, { composeCard }] = await Promise.all([
    import("./hub-nodes.ts"),
    import("./flash-card.ts"),
  ]);
  const dir = resolve(data);
  const creds = join(dir, "creds", `${node}.creds`);
  if (!(await readNodes(dir)).includes(node))
    throw unknown(`the hub in ${dir} knows no node ${node}`, node, data);
  await readFile(creds).catch((cause: NodeJS.ErrnoException) => {
    throw cause.code === "ENOENT" ? unknown(`${creds} is missing`, node, data) : cause;
  });
  return composeCard({ name: node, hub: hubUrl, creds, ...partsOf(options) });
}

async function tokenCard(node: string, options: Options, { signal }: Context): Promise<string> {
  const { data, hubUrl, expires } = options;
  const [{ askHub }, { formatToken }, { composeCard }] = await Promise.all([
    import("./hub-ask.ts"),
    import("../enrol-wire.ts"),
    import("./flash-card.ts"),
  ]);
  // First what may fail without a token.
  const card = JSON.parse(await composeCard({ name: node, hub: hubUrl, ...partsOf(options) }));
  const request: TokenRequest = { node, ...(expires !== undefined && { expiresInMs: expires }) };
  const { tokens } = await askHub<{ tokens: Token[] }>(data, "/tokens", { tokens: [request] }, signal);
  card.hub.token = formatToken(tokens[0]!);
  return `${JSON.stringify(card, null, 2)}\n`;
}

function partsOf({ ca, target, sshKey }: Options): Pick<Options, "ca" | "target" | "sshKey"> {
  return {
    ...(ca !== undefined && { ca }),
    ...(target !== undefined && { target }),
    ...(sshKey !== undefined && { sshKey }),
  };
}

function unknown(message: string, node: string, data: string): UmecError {
  return new UmecError("HUB_NODE_UNKNOWN", message, {
    hint: `give it a token (--token), or start the hub with it: umec hub --data ${data} --node ${node}`,
  });
}
