import type { Command } from "commander";
import { UmecError } from "../errors.ts";
import { addCommand, type Context } from "./context.ts";
import { addHubAuditCommand } from "./hub-audit.ts";
import { addHubCardCommand } from "./hub-card.ts";
import type { ClusterOptions } from "./hub-cluster.ts";
import { addHubEnrolCommand } from "./hub-enrol.ts";
import { addHubInitCommand } from "./hub-init.ts";
import { addHubNodesCommand } from "./hub-list.ts";
import { addHubObjectsCommand } from "./hub-objects.ts";
import { addHubQuarantineCommand } from "./hub-quarantine.ts";
import { addHubReadCommand } from "./hub-read.ts";
import { addHubRevokeCommands } from "./hub-revoke.ts";
import { addHubRotateCommand } from "./hub-rotate.ts";
import type { ServeOptions } from "./hub-serve.ts";
import { addHubTargetCommand } from "./hub-target.ts";
import { addHubTokenCommand } from "./hub-token.ts";
import { logFormatOption, logLevelOption } from "./run.ts";
import { bytesArgument, durationArgument, integerArgument } from "./units.ts";

type HubOptions = ServeOptions & Partial<ClusterOptions> & { printAccounts?: string[]; init?: string };

const collect = (value: string, before: string[] = []) => [...before, value];

export function addHubCommand(program: Command, context: Context): void {
  const hub = addCommand(program, {
    usage: "hub",
    summary: "run a hub, or make a NATS cluster of your own one",
    description:
      "Without --url: runs the embedded hub, one nats-server with JetStream, until SIGTERM or SIGINT. It " +
      "remembers its nodes.\nWith --init: lets nodes enrol in a cluster that umec hub init laid out.\nWith --url: makes the stream of samples in your own cluster, or brings it up to date.",
    examples: [
      "umec hub                                   # with all nodes that it knows; umec hub token makes more",
      "umec hub --node lamp-0042                  # one with a credentials file; prints its part of a node.yaml",
      "umec hub --leaf-listen 0.0.0.0:7422 --tls-cert hub.pem --tls-key hub.key --max-age 90d",
      "umec hub --leaf-listen 0.0.0.0:7422 --tls-host hub.example.org   # with a CA of its own",
      "umec hub --print-accounts lamp-1 lamp-2    # for the configuration of your own nats-servers",
      "umec hub --url nats://n1.example.org,nats://n2.example.org --creds fleet.creds --replicas 3",
    ],
  });
  hub
    .enablePositionalOptions()
    .option("--data <directory>", "keys, credentials and the stream", "hub")
    .option("--node <name>", "a node that may link from now on; may be given again", collect)
    .option("--remove-node <name>", "a node that may no longer link; may be given again", collect)
    .option("--listen <host:port>", "for readers and operators; port 0 is any free one", "127.0.0.1:4222")
    .option("--leaf-listen <host:port>", "for nodes; beyond this machine only with TLS", "127.0.0.1:7422")
    .option("--tls-cert <file>", "certificate for nodes, and for readers beyond this machine, PEM")
    .option("--tls-key <file>", "its key, PEM")
    .option(
      "--tls-host <name>",
      "or: a certificate of the hub's own CA for this name; may be given again",
      collect,
    )
    .option("--init <directory>", "serve nodes of a cluster that `umec hub init` laid out")
    .option("--url <urls>", "your own cluster, instead of the embedded hub; several with commas")
    .option("--creds <file>", "credentials of the fleet's user there")
    .option("--tls-ca <file>", "your own CA's certificate, PEM")
    .option(
      "--replicas <count>",
      "copies of each frame (default: 3 where the cluster can)",
      integerArgument(1, 5),
    )
    .option(
      "--print-accounts <node...>",
      "print the accounts for these nodes for nats-server's configuration",
    )
    .option("--max-bytes <size>", "size at which the stream refuses more, such as 50GiB", bytesArgument)
    .option("--max-age <duration>", "age at which frames are removed, such as 90d", durationArgument)
    .option(
      "--renew-days <days>",
      "how long an enrolled node's claims hold; it renews at two thirds",
      integerArgument(1, 3650),
      90,
    )
    .option("--json", "one line of JSON instead of text")
    .addOption(logFormatOption())
    .addOption(logLevelOption().default("info"))
    .action(async (options: HubOptions) => {
      checkCombination(options);
      if (options.printAccounts) {
        const { clusterAccountsSnippet } = await import("../hub/cluster-accounts.ts");
        context.stdout.write(clusterAccountsSnippet(options.printAccounts.map((node) => ({ node }))));
        if (options.url === undefined) return;
      }
      if (options.init !== undefined) {
        const { serveCluster } = await import("./hub-service.ts");
        await serveCluster({ ...options, init: options.init }, context);
      } else if (options.url !== undefined) {
        const { provisionCluster } = await import("./hub-cluster.ts");
        await provisionCluster({ ...options, url: options.url }, context);
      } else {
        const { serveHub } = await import("./hub-serve.ts");
        await serveHub(options, context);
      }
    });
  addHubInitCommand(hub, context);
  addHubRotateCommand(hub, context);
  addHubReadCommand(hub, context);
  addHubQuarantineCommand(hub, context);
  addHubObjectsCommand(hub, context);
  addHubCardCommand(hub, context);
  addHubTokenCommand(hub, context);
  addHubNodesCommand(hub, context);
  addHubRevokeCommands(hub, context);
  addHubEnrolCommand(hub, context);
  addHubTargetCommand(hub, context);
  addHubAuditCommand(hub, context);
}

function checkCombination({ tlsCert, tlsKey, tlsHost, url, init, node }: HubOptions): void {
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw new UmecError("CLI_USAGE", "--tls-cert and --tls-key belong together");
  if (tlsHost !== undefined && tlsCert !== undefined)
    throw new UmecError("CLI_USAGE", "--tls-host makes a certificate: not with --tls-cert");
  if ((url ?? init) !== undefined && node !== undefined)
    throw new UmecError("CLI_USAGE", "--node is for the embedded hub, not for --url or --init", {
      hint: "print the accounts of your own cluster with --print-accounts",
    });
}
