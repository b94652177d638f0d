import type { Command } from "commander";
import { UmecError } from "../errors.ts";
import type { HubObject } from "../hub/objects.ts";
import { addCommand, type Context } from "./context.ts";
import type { HubAddress } from "./hub-connect.ts";

interface ObjectsOptions extends HubAddress {
  get?: string;
  output?: string;
  create?: true;
  json?: true;
}

export function addHubObjectsCommand(hub: Command, context: Context): void {
  addCommand(hub, {
    usage: "objects",
    summary: "list or fetch what a node keeps at the hub besides samples, such as pictures",
    description:
      "Lists a node's objects, oldest first, or fetches one with --get. What is fetched was checked against its " +
      "digest: when it does not fit, the command fails and leaves no file.",
    examples: [
      "umec hub objects --creds hub/fleet.creds lamp-0042",
      "umec hub objects --creds hub/fleet.creds lamp-0042 --get camera/still/20261124T102030Z.jpg --output still.jpg",
      "umec hub objects --creds hub/fleet.creds lamp-0042 --get log/boot.txt    # to standard output",
    ],
  })
    .argument("<node>")
    .option("--url <urls>", "the hub's address for clients; several with commas", "nats://127.0.0.1:4222")
    .option("--creds <file>", "credentials of the fleet's user")
    .option("--tls-ca <file>", "your own CA's certificate, PEM")
    .option("--get <name>", "fetch this one")
    .option("--output <file>", "write it there (default: standard output)")
    .option("--create", "make the node's bucket first, in a cluster of your own")
    .option("--json", "one JSON object a line")
    .action(async (node: string, options: ObjectsOptions) => {
      await objects(node, options, context);
    });
}

async function objects(node: string, options: ObjectsOptions, context: Context): Promise<void> {
  const { get, output, create, json } = options;
  const { stdout, signal } = context;
  if (output !== undefined && get === undefined)
    throw new UmecError("CLI_USAGE", "--output is where --get NAME writes to");
  const [{ connectHub }, { listObjects, provisionBuckets, readObject }, { silentLog }] = await Promise.all([
    import("./hub-connect.ts"),
    import("../hub/objects.ts"),
    import("../log.ts"),
  ]);
  const nc = await connectHub(options);
  try {
    if (create) await provisionBuckets(nc, [node], { log: silentLog });
    if (get !== undefined) {
      const { writeBody } = await import("./write-body.ts");
      await writeBody(await readObject(nc, node, get), output ?? stdout, signal);
      return;
    }
    const { writeText } = await import("./write-text.ts");
    const found = await listObjects(nc, node);
    await writeText(
      found.map((object) => `${json ? JSON.stringify(object) : line(object)}\n`),
      stdout,
      signal,
    );
  } finally {
    await nc.close();
  }
}

function line({ timeMs, timeEstimated, bytes, contentType, name }: HubObject): string {
  const time = `${new Date(timeMs).toISOString()}${timeEstimated ? "~" : " "}`;
  return `${time} ${String(bytes).padStart(9)}  ${contentType.padEnd(12)}  ${name}`;
}
