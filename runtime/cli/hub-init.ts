import type { Command } from "commander";
import { UmecError } from "../errors.ts";
import type { OwnOperator } from "../hub-init/init.ts";
import { addCommand, type Context } from "./context.ts";
import { textOf } from "./hub-token-parts.ts";
import { formatFacts } from "./table.ts";
import { integerArgument } from "./units.ts";

interface Options {
  host?: string[];
  servers?: string;
  listen: string;
  days?: number;
  operator?: string;
  signingKey?: string;
  systemAccount?: string;
  systemCreds?: string;
  json?: true;
}

const collect = (value: string, before: string[] = []) => [...before, value];

export function addHubInitCommand(hub: Command, context: Context): void {
  addCommand(hub, {
    usage: "init",
    summary: "lay out a hub of nats-servers of your own",
    description:
      "Makes keys, a CA, certificates and ready configurations for one nats-server or a cluster of three, each in a folder of " +
      "its own, and a README.txt that says what goes where. What must stay off the servers is in secret/.",
    examples: [
      "umec hub init hub --host hub.example.org",
      "umec hub init hub --servers a.example.org,b.example.org,c.example.org --host hub.example.org",
      "umec hub init hub --servers … --operator op.jwt --signing-key op.nk --system-account sys.jwt --system-creds sys.creds",
    ],
  })
    .argument("<directory>", "to be made")
    .option("--host <name>", "name or address that the certificates are for; may be given again", collect)
    .option(
      "--servers <list>",
      "1, 3 or 5, with commas: host or host:4222:7422:6222 (default: one, the first --host)",
    )
    .option("--listen <address>", "address that the servers listen on", "0.0.0.0")
    .option("--days <days>", "how long the certificates hold (default: 730)", integerArgument(1, 7300))
    .option("--operator <file>", "your own operator's JWT; with the three that follow")
    .option("--signing-key <file>", "seed of a signing key of it")
    .option("--system-account <file>", "JWT of its system account")
    .option("--system-creds <file>", "credentials of a user of that account")
    .option("--json", "one JSON object")
    .action((directory: string, options: Options) => init(directory, options, context));
}

async function init(dir: string, options: Options, { stdout }: Context): Promise<void> {
  const { host: hosts = [], servers, listen, days, json } = options;
  const names = servers?.split(",") ?? hosts.slice(0, 1);
  if (names.length === 0)
    throw new UmecError("CLI_USAGE", "name the hub with --host, or its servers with --servers");
  const ownOperator = await readOperator(options);
  const { initHub } = await import("../hub-init/init.ts");
  const { clientUrls, leafUrls } = await import("../hub-init/setup.ts");
  const setup = await initHub({
    ...{ dir, servers: names, hosts, listen },
    ...(days !== undefined && { days }),
    ...(ownOperator && { ownOperator }),
  });
  const [clients, leafs] = [clientUrls(setup), leafUrls(setup)];
  if (json) {
    stdout.write(`${JSON.stringify({ dir, servers: setup.sites, clientUrls: clients, leafUrls: leafs })}\n`);
    return;
  }
  const facts = formatFacts([
    ...setup.sites.map(({ name, host }): [string, string] => [`${dir}/${name}`, `to ${host}`]),
    [`${dir}/secret`, "stays off the servers: who has it is the hub; back it up"],
    ["for readers", clients.join(",")],
    ["for nodes", leafs.join(" ")],
  ]);
  stdout.write(
    `${["the hub is laid out", ...facts, `\n${dir}/README.txt says what comes next`].join("\n")}\n`,
  );
}

async function readOperator(options: Options): Promise<OwnOperator | undefined> {
  const files = [options.operator, options.signingKey, options.systemAccount, options.systemCreds];
  const given = files.filter((file) => file !== undefined);
  if (given.length === 0) return undefined;
  if (given.length < files.length)
    throw new UmecError(
      "CLI_USAGE",
      "--operator, --signing-key, --system-account and --system-creds belong together",
    );
  const [operator, signingKey, systemAccount, systemCredentials] = await Promise.all(given.map(textOf));
  return {
    operator: operator!,
    signingKey: signingKey!,
    systemAccount: systemAccount!,
    systemCredentials: systemCredentials!,
  };
}
