import type { Command } from "commander";
import { addCommand, type Context } from "./context.ts";

interface Options {
  data: string;
  now?: true;
  json?: true;
}

export function addHubRevokeCommands(hub: Command, context: Context): void {
  addCommand(hub, {
    usage: "revoke",
    summary: "cut a node off, now and for good",
    description:
      "The node's link is cut within seconds, its tokens are withdrawn, and it gets no new claims. What it has stored stays. " +
      "Its name can be given to other hardware with `umec hub replace`.",
    examples: ["umec hub revoke lamp-0042", "umec hub revoke lamp-0042 --data /srv/hub --json"],
  })
    .argument("<node>", "the node's name")
    .option("--data <directory>", "the hub's", "hub")
    .option("--json", "one JSON object")
    .action((node: string, options: Options) => revoke(node, options, context));
  addCommand(hub, {
    usage: "replace",
    summary: "let other hardware take a node's name",
    description:
      "A token that is made after this may enrol other hardware under the name. Its history stays and goes on. The present " +
      "hardware is cut off when the new one enrols, or at once with --now.",
    examples: [
      "umec hub replace lamp-0042          # and then: umec hub token --name lamp-0042",
      "umec hub replace lamp-0042 --now    # the present hardware is stolen",
    ],
  })
    .argument("<node>", "the node's name")
    .option("--data <directory>", "the hub's", "hub")
    .option("--now", "cut the present hardware off at once")
    .option("--json", "one JSON object")
    .action((node: string, options: Options) => replace(node, options, context));
}

async function revoke(node: string, { data, json }: Options, { stdout, signal }: Context): Promise<void> {
  const { askHub } = await import("./hub-ask.ts");
  const done = await askHub<{ tokens: number }>(data, "/revoke", { node }, signal);
  const withdrawn = done.tokens > 0 ? `; unused tokens withdrawn: ${done.tokens}` : "";
  stdout.write(json ? `${JSON.stringify(done)}\n` : `${node} is revoked${withdrawn}\n`);
}

async function replace(node: string, options: Options, { stdout, signal }: Context): Promise<void> {
  const { data, json, now = false } = options;
  const { askHub } = await import("./hub-ask.ts");
  const done = await askHub(data, "/replace", { node, now }, signal);
  const until = now ? "is cut off, and" : "stays linked until";
  const text = `${node} ${until} other hardware ${now ? "may take its name" : "has taken its name"}: umec hub token --name ${node}`;
  stdout.write(json ? `${JSON.stringify(done)}\n` : `${text}\n`);
}
