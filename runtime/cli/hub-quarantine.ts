import type { Command } from "commander";
import type { ForgedFrame } from "../hub/frames.ts";
import { addCommand, type Context } from "./context.ts";
import { exitCodes } from "./exit-codes.ts";
import type { HubAddress } from "./hub-connect.ts";
import { formatTable } from "./table.ts";

interface QuarantineOptions extends HubAddress {
  json?: true;
}

export function addHubQuarantineCommand(hub: Command, context: Context): void {
  addCommand(hub, {
    usage: "quarantine",
    summary: "list the frames on a node's chains that are not by the node",
    description:
      "A node that has enrolled signs each frame. Lists those that it did not sign, or not so: no reader takes their " +
      "samples, and they stay in the stream as evidence. Exit status 5 when there are some.",
    examples: [
      "umec hub quarantine --creds hub/fleet.creds lamp-0042",
      "umec hub quarantine --creds hub/fleet.creds --json lamp-0042 | jq .seq",
    ],
  })
    .argument("<node>")
    .option("--url <urls>", "the hub's address for clients; several with commas", "nats://127.0.0.1:4222")
    .option("--creds <file>", "credentials of the fleet's user")
    .option("--tls-ca <file>", "your own CA's certificate, PEM")
    .option("--json", "one JSON object a line")
    .action(async (node: string, options: QuarantineOptions) => {
      await list(node, options, context);
    });
}

async function list(node: string, options: QuarantineOptions, context: Context): Promise<void> {
  const [{ connectHub }, { createReader }] = await Promise.all([
    import("./hub-connect.ts"),
    import("../hub/reader.ts"),
  ]);
  const { stdout, signal } = context;
  const forged: ForgedFrame[] = [];
  const nc = await connectHub(options);
  try {
    // What can't be read at all is not told here but by `umec hub read`.
    const query = {
      node,
      signal,
      onMalformed: () => {},
      onForged: (frame: ForgedFrame) => void forged.push(frame),
    };
    for await (const _ of createReader(nc).frames(query));
  } finally {
    await nc.close();
  }
  for (const frame of forged) if (options.json) stdout.write(`${JSON.stringify(plain(frame))}\n`);
  if (!options.json) stdout.write(text(node, forged));
  if (forged.length > 0) context.exitCode = exitCodes.damaged;
}

function plain({ subject, seq, storedAtMs, reason }: ForgedFrame) {
  return { subject, seq, storedAtMs, reason };
}

function text(node: string, forged: readonly ForgedFrame[]): string {
  if (forged.length === 0) return `no frame of ${node} is in quarantine\n`;
  const columns = [{ title: "SEQUENCE" }, { title: "STORED" }, { title: "SUBJECT" }, { title: "REASON" }];
  const rows = forged.map(({ seq, storedAtMs, subject, reason }) => [
    String(seq),
    new Date(storedAtMs).toISOString(),
    subject,
    reason,
  ]);
  return `${formatTable(columns, rows).join("\n")}\n`;
}
