import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { NatsConnection } from "@nats-io/nats-core";
import { type Command, InvalidArgumentError } from "commander";
import { messageOf, UmecError } from "../errors.ts";
import type { Campaign } from "../hub/campaign-types.ts";
import { addCommand, type Context } from "./context.ts";
import { exitCodes } from "./exit-codes.ts";
import type { HubAddress } from "./hub-connect.ts";
import { hubOptions } from "./ota-hub.ts";
import { durationArgument, formatBytes, integerArgument, plural } from "./units.ts";

interface PushOptions extends HubAddress {
  to?: string[];
  wave: number[];
  maxFailures: number;
  patience?: number;
  quorum: number;
  id?: string;
  permit?: string;
  wait?: true;
  json?: true;
}

/** How often --wait looks. */
const lookMs = 1_000;
const collect = (value: string, before: string[] = []) => [...before, ...value.split(",")];

export function addOtaPushCommand(ota: Command, context: Context): void {
  const push = addCommand(ota, {
    usage: "push",
    summary: "store a bundle at the hub, and roll it out",
    description:
      "Stores the bundle at the hub and, with --to, has the hub give it to those nodes, wave by wave: the next wave begins when " +
      "all nodes of the one before run it and have found it good. When a node refuses it, fails or falls back the rollout stops by " +
      "itself and says why. The hub leads it, also after this command has ended.\nNames may have * and ?; a group of nodes is " +
      "what their names have in common: 'site-a-*'.",
    examples: [
      "umec ota push --creds hub/fleet.creds umec-1.4.0-virt.raucb --to 'site-a-*' --wave 5%,25%,100%",
      "umec ota push --creds hub/fleet.creds umec-1.4.0-virt.raucb --to '*' --max-failures 3 --patience 7d",
      "umec ota push --creds hub/fleet.creds umec-1.4.0-virt.raucb --to lamp-0042 --wait   # exit status 1 when it stops",
      "umec ota push --creds hub/fleet.creds umec-1.4.0-virt.raucb   # only stores it",
    ],
  }).argument("<bundle>", "as make bundle-ota makes it");
  hubOptions(push)
    .option("--to <names>", "the nodes: names or patterns, with commas; may be given again", collect)
    .option("--wave <percents>", "how much of them each wave reaches", wavesArgument, [100])
    .option(
      "--max-failures <count>",
      "stop at this many nodes that did not take it",
      integerArgument(1, 10_000),
      1,
    )
    .option(
      "--patience <duration>",
      "how long nodes that say nothing hold the next wave up, such as 7d (default: until they do)",
      durationArgument,
    )
    .option(
      "--quorum <percent>",
      "how much of a wave must be good when its patience is over",
      percentArgument,
      90,
    )
    .option("--id <id>", "of the rollout (default: made of the version)")
    .option("--permit <file>", "a maintainer's, for a version that is older than what runs")
    .option("--wait", "until it is done or stops")
    .option("--json", "one JSON object a line")
    .action((bundle: string, options: PushOptions) => pushBundle(bundle, options, context));
}

async function pushBundle(path: string, options: PushOptions, context: Context): Promise<void> {
  const { to, permit, patience, id, wave, maxFailures, quorum, json, wait } = options;
  const { stdout, signal } = context;
  if (to === undefined && (wait || id !== undefined || permit !== undefined))
    throw new UmecError("CLI_USAGE", "name the nodes with --to");
  const [{ connectHub }, { uploadFile }, { createCampaign }] = await Promise.all([
    import("./hub-connect.ts"),
    import("./ota-upload.ts"),
    import("../hub/campaign-edit.ts"),
  ]);
  const permitText = permit === undefined ? undefined : await readPermit(permit);
  const nc = await connectHub(options);
  try {
    const { info, uploaded } = await uploadFile(path, nc, context);
    if (json) stdout.write(`${JSON.stringify({ bundle: info, uploaded })}\n`);
    else
      stdout.write(
        `${info.version} for ${info.compatible}: ${formatBytes(info.bytes)}, of which ${formatBytes(uploaded.newBytes)} are new at the hub\n`,
      );
    if (to === undefined) return;
    const campaign = await createCampaign(nc, {
      ...{ bundle: info, to, waves: wave, maxFailures, quorum },
      ...(patience !== undefined && { patienceMs: patience }),
      ...(id !== undefined && { id }),
      ...(permitText !== undefined && { permit: permitText }),
    });
    if (json) stdout.write(`${JSON.stringify({ campaign })}\n`);
    else
      stdout.write(
        `${campaign.id} is under way to ${plural(campaign.nodes.length, "node")}: see umec ota status, umec ota stop ${campaign.id}\n`,
      );
    if (wait) await waitFor(nc, campaign.id, options, context);
  } finally {
    signal.throwIfAborted();
    await nc.close();
  }
}

/** Until it is over; says so. */
async function waitFor(
  nc: NatsConnection,
  id: string,
  { json }: PushOptions,
  context: Context,
): Promise<void> {
  const { readCampaign } = await import("../hub/campaign-store.ts");
  let ended: Campaign | undefined;
  for (;;) {
    ended = (await readCampaign(nc, id))?.campaign;
    if (ended?.state !== "running") break;
    await sleep(lookMs, undefined, { signal: context.signal });
  }
  if (json) context.stdout.write(`${JSON.stringify({ campaign: ended })}\n`);
  if (ended?.state === "done") {
    if (!json) context.stdout.write(`${id} is done\n`);
    return;
  }
  context.exitCode = exitCodes.failed;
  context.stderr.write(`umec: ${id} is stopped: ${ended?.reason}\n`);
}

async function readPermit(path: string): Promise<string> {
  try {
    return (await readFile(path)).toString("base64");
  } catch (cause) {
    throw new UmecError("OTA_PERMIT_UNREADABLE", `the permit can't be read: ${messageOf(cause)}`, { cause });
  }
}

function wavesArgument(text: string): number[] {
  return text.split(",").map(percentArgument);
}

function percentArgument(text: string): number {
  const percent = /^\d{1,3}(\.\d{1,3})?%?$/.test(text) ? Number(text.replace("%", "")) : Number.NaN;
  if (percent > 0 && percent <= 100) return percent;
  throw new InvalidArgumentError("Write per cents from 0 to 100, such as 5%,25%,100%.");
}
