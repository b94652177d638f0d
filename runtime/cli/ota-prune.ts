import type { Command } from "commander";
import { addCommand, type Context } from "./context.ts";
import type { HubAddress } from "./hub-connect.ts";
import { hubOptions } from "./ota-hub.ts";
import { formatBytes, integerArgument, plural } from "./units.ts";

interface PruneOptions extends HubAddress {
  keep: number;
}

export function addOtaPruneCommand(ota: Command, context: Context): void {
  const prune = addCommand(ota, {
    usage: "prune",
    summary: "remove old bundles from the hub",
    description: "Removes all bundles but the newest, and those of rollouts that are not done.",
    examples: [
      "umec ota prune --creds hub/fleet.creds --keep 2",
      "umec ota prune --creds hub/fleet.creds --keep 0    # all that no rollout needs",
    ],
  });
  hubOptions(prune)
    .requiredOption("--keep <count>", "how many of the newest stay", integerArgument(0, 1000))
    .action((options: PruneOptions) => pruneOld(options, context));
}

async function pruneOld(options: PruneOptions, { stdout }: Context): Promise<void> {
  const [{ connectHub }, { listBundles, pruneBundles }, { listCampaigns }] = await Promise.all([
    import("./hub-connect.ts"),
    import("../hub/ota-store.ts"),
    import("../hub/campaign-store.ts"),
  ]);
  const nc = await connectHub(options);
  try {
    const open = (await listCampaigns(nc)).filter(({ campaign }) => campaign.state !== "done");
    const newest = (await listBundles(nc)).slice(0, options.keep);
    const kept = new Set([
      ...open.map(({ campaign }) => campaign.bundle.sha256),
      ...newest.map(({ info }) => info.sha256),
    ]);
    const { bundles, chunks } = await pruneBundles(nc, ({ info }) => !kept.has(info.sha256));
    for (const { version, compatible, bytes } of bundles)
      stdout.write(`removed ${version} for ${compatible}, ${formatBytes(bytes)}\n`);
    stdout.write(`${plural(bundles.length, "bundle")} and ${plural(chunks, "chunk")} removed\n`);
  } finally {
    await nc.close();
  }
}
