import type { Command } from "commander";
import { addCommand, type Context } from "./context.ts";
import type { HubAddress } from "./hub-connect.ts";
import { hubOptions } from "./ota-hub.ts";

interface StatusOptions extends HubAddress {
  json?: true;
}

export function addOtaStatusCommands(ota: Command, context: Context): void {
  const status = addCommand(ota, {
    usage: "status",
    summary: "show which node runs what, what is on its way, and why something fell back",
    description:
      "Shows each node's last step of an update, and the rollouts that are under way or were stopped. What nodes say is " +
      "verified by their keys. Names may have * and ?.",
    examples: [
      "umec ota status --creds hub/fleet.creds",
      "umec ota status --creds hub/fleet.creds 'lamp-00*'",
      "umec ota status --creds hub/fleet.creds --json | jq .report.phase",
    ],
  }).argument("[nodes...]", "only these (default: all)");
  hubOptions(status)
    .option("--json", "one JSON object a line: rollouts, then nodes")
    .action((patterns: string[], options: StatusOptions) => show(patterns, options, context));
  const list = addCommand(ota, {
    usage: "list",
    summary: "list all rollouts, oldest first",
    examples: ["umec ota list --creds hub/fleet.creds", "umec ota list --creds hub/fleet.creds --json"],
  });
  hubOptions(list)
    .option("--json", "one JSON object a line")
    .action((options: StatusOptions) => listRollouts(options, context));
}

async function show(patterns: string[], options: StatusOptions, context: Context): Promise<void> {
  const { signal, stdout } = context;
  const [{ connectHub }, { readStanding }] = await parts();
  const nc = await connectHub(options);
  try {
    const standing = await readStanding(nc, { patterns, signal });
    if (options.json) {
      for (const one of [...standing.campaigns, ...standing.nodes]) stdout.write(`${JSON.stringify(one)}\n`);
      return;
    }
    const { formatStanding } = await import("./ota-layout.ts");
    stdout.write(formatStanding(standing, Date.now()));
  } finally {
    await nc.close();
  }
}

async function listRollouts(options: StatusOptions, context: Context): Promise<void> {
  const { signal, stdout } = context;
  const [{ connectHub }, { readStanding }] = await parts();
  const nc = await connectHub(options);
  try {
    const { campaigns } = await readStanding(nc, { signal });
    if (options.json) {
      for (const one of campaigns) stdout.write(`${JSON.stringify(one)}\n`);
      return;
    }
    const { formatCampaigns } = await import("./ota-layout.ts");
    stdout.write(formatCampaigns(campaigns));
  } finally {
    await nc.close();
  }
}

function parts() {
  return Promise.all([import("./hub-connect.ts"), import("../hub/campaign-status.ts")]);
}
