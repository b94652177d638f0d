import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { UmecError } from "../errors.ts";
import { addCommand, type Context } from "./context.ts";

interface Options {
  data: string;
  hubUrl: string[];
  ca?: string;
  target?: string;
  sshKey?: string[];
  out?: string;
}

const collect = (value: string, before: string[] = []) => [...before, value];

export function addHubCardCommand(hub: Command, context: Context): void {
  addCommand(hub, {
    usage: "card",
    summary: "print the umec.json of a node that the hub knows",
    description:
      "Prints what `umec flash --config` puts on a node's card, with the node's credentials for the embedded hub. It " +
      "only reads the hub's directory, so the hub may run. The output is secret.",
    examples: [
      "umec hub card lamp-0042 --hub-url tls://hub.example.org:7422 --out lamp-0042.json",
      "umec hub card lamp-0042 --hub-url tls://10.0.0.2:7422 --ca ca.pem --target lamps.yaml --ssh-key ~/.ssh/id_ed25519.pub",
    ],
  })
    .argument("<node>", "the node's name")
    .option("--data <directory>", "the hub's", "hub")
    .requiredOption("--hub-url <url>", "where nodes reach the hub; may be given again", collect)
    .option("--ca <file>", "your own CA's certificate, PEM")
    .option("--target <node.yaml>", "its keys, but for its name")
    .option("--ssh-key <file>", "public keys that may log in; may be given again", collect)
    .option("--out <file>", "write it there, for its owner alone (default: standard output)")
    .action(async (node: string, options: Options) => printCard(node, options, context));
}

async function printCard(
  node: string,
  { data, hubUrl, out, ...parts }: Options,
  context: Context,
): Promise<void> {
  const [{ readNodes }, { composeCard, checkedText }, { writePrivateFile }] = await Promise.all([
    import("./hub-nodes.ts"),
    import("./flash-card.ts"),
    import("../nats/private-file.ts"),
  ]);
  const dir = resolve(data);
  const creds = join(dir, "creds", `${node}.creds`);
  if (!(await readNodes(dir)).includes(node))
    throw unknown(`the hub in ${dir} knows no node ${node}`, node, data);
  await readFile(creds).catch((cause: NodeJS.ErrnoException) => {
    throw cause.code === "ENOENT" ? unknown(`${creds} is missing`, node, data) : cause;
  });
  const card = await composeCard({ name: node, hub: hubUrl, creds, ...parts });
  const text = await checkedText(card, `umec.json of ${node}`, context);
  if (out === undefined) context.stdout.write(text);
  else await writePrivateFile(resolve(out), text);
}

function unknown(message: string, node: string, data: string): UmecError {
  return new UmecError("HUB_NODE_UNKNOWN", message, {
    hint: `start the hub with it: umec hub --data ${data} --node ${node}`,
  });
}
