import { type Command, Option } from "commander";
import type { HubSample } from "../hub/sample.ts";
import type { Lane } from "../plugin/contract.ts";
import { lanes } from "../subjects.ts";
import { addCommand, type Context } from "./context.ts";
import { exitCodes } from "./exit-codes.ts";
import type { HubAddress } from "./hub-connect.ts";
import { plural, timeArgument } from "./units.ts";
import { writeText } from "./write-text.ts";

interface ReadOptions extends HubAddress {
  lane: Lane;
  from?: number;
  to?: number;
  name?: string;
  gaps?: true;
  json?: true;
}

export function addHubReadCommand(hub: Command, context: Context): void {
  addCommand(hub, {
    usage: "read",
    summary: "print what a node has stored at the hub",
    description:
      "Prints one plugin's samples in the order in which the node took them, up to now. Exit status 5 when a " +
      "stored message could not be read, or was not by the node: `umec hub quarantine` lists those.",
    examples: [
      "umec hub read --creds hub/fleet.creds lamp-0042 meter",
      "umec hub read --creds hub/fleet.creds --from 2h --name meter/voltage --json lamp-0042 meter",
      "umec hub read --creds hub/fleet.creds --gaps lamp-0042 meter    # what was lost on the way, and why",
    ],
  })
    .argument("<node>")
    .argument("<plugin>")
    .option("--url <urls>", "the hub's address for clients; several with commas", "nats://127.0.0.1:4222")
    .option("--creds <file>", "credentials of the fleet's user")
    .option("--tls-ca <file>", "your own CA's certificate, PEM")
    .addOption(new Option("--lane <lane>", "which of the plugin's lanes").choices(lanes).default("telemetry"))
    .option("--from <time>", "no sample before: an RFC 3339 time, or how long ago, such as 2h", timeArgument)
    .option("--to <time>", "only samples before", timeArgument)
    .option("--name <path>", "only this point, device/quantity")
    .option("--gaps", "the gap records instead of the samples")
    .option("--json", "one JSON object a line")
    .action(async (node: string, plugin: string, options: ReadOptions) => {
      await read(node, plugin, options, context);
    });
}

async function read(node: string, plugin: string, options: ReadOptions, context: Context): Promise<void> {
  const [{ connectHub }, { createReader }] = await Promise.all([
    import("./hub-connect.ts"),
    import("../hub/reader.ts"),
  ]);
  const { lane, from, to, name, json } = options;
  const { stdout, stderr, signal } = context;
  const nc = await connectHub(options);
  let unreadable = 0;
  let forged = 0;
  try {
    const reader = createReader(nc);
    const onMalformed = () => void unreadable++;
    const onForged = () => void forged++;
    const query = { node, plugin, lane, signal, onMalformed, onForged };
    const lines = options.gaps
      ? map(reader.gaps(query), (gap) => (json ? JSON.stringify(gap) : gapLine(gap)))
      : map(
          reader.samples({
            ...query,
            ...(from !== undefined && { from }),
            ...(to !== undefined && { to }),
            ...(name !== undefined && { name }),
          }),
          (sample) => (json ? JSON.stringify(plain(sample)) : sampleLine(sample)),
        );
    await writeText(lines, stdout, signal);
  } finally {
    await nc.close();
  }
  if (unreadable === 0 && forged === 0) return;
  if (unreadable > 0) stderr.write(`umec: ${plural(unreadable, "stored message")} could not be read\n`);
  if (forged > 0) {
    const said = `${plural(forged, "stored frame")} not signed by ${node}, and left out`;
    stderr.write(`umec: ${said}: see umec hub quarantine ${node}\n`);
  }
  context.exitCode = exitCodes.damaged;
}

async function* map<T>(items: AsyncIterable<T>, line: (item: T) => string): AsyncGenerator<string> {
  for await (const item of items) yield `${line(item)}\n`;
}

function plain(sample: HubSample) {
  const { value } = sample;
  return { ...sample, value: value instanceof Uint8Array ? Buffer.from(value).toString("base64url") : value };
}

function sampleLine(sample: HubSample): string {
  const { timeMs, name, unit, clockEstimated } = sample;
  const value = plain(sample).value ?? sample.sum ?? "no value";
  const time = `${new Date(timeMs).toISOString()}${clockEstimated ? "~" : ""}`;
  const { quality, reason } = sample;
  const doubt = quality === "good" ? "" : ` (${quality}${reason === undefined ? "" : `: ${reason}`})`;
  return `${time}  ${name}  ${value}${unit === undefined ? "" : ` ${unit}`}${doubt}`;
}

function gapLine(gap: { from: number; to: number; rows: number; samples: number; reason: string }): string {
  return `rows ${gap.from} to ${gap.to}: ${plural(gap.samples, "sample")} lost (${gap.reason})`;
}
