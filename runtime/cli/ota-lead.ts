import { once } from "node:events";
import type { Command } from "commander";
import type { LogLevel } from "../target/types.ts";
import { addCommand, type Context } from "./context.ts";
import type { HubAddress } from "./hub-connect.ts";
import type { LogFormat } from "./log.ts";
import { hubOptions } from "./ota-hub.ts";
import { logFormatOption, logLevelOption } from "./run.ts";

interface LeadOptions extends HubAddress {
  logFormat: LogFormat;
  logLevel: LogLevel;
}

export function addOtaLeadCommand(ota: Command, context: Context): void {
  const lead = addCommand(ota, {
    usage: "lead",
    summary: "lead rollouts in a cluster of your own, until interrupted",
    description:
      "Does what umec hub does by itself: gives nodes their orders, wave by wave, and stops rollouts that fail. For a cluster " +
      "where neither umec hub nor umec hub --init runs. What was decided is in the cluster: it may be stopped and started " +
      "at any time, and run twice.",
    examples: [
      "umec ota lead --url nats://n1.example.org,nats://n2.example.org --creds fleet.creds",
      "umec ota lead --url nats://n1.example.org --creds fleet.creds --log-format json",
    ],
  });
  hubOptions(lead)
    .addOption(logFormatOption())
    .addOption(logLevelOption().default("info"))
    .action((options: LeadOptions) => leadRollouts(options, context));
}

async function leadRollouts(options: LeadOptions, { stdout, stderr, signal }: Context): Promise<void> {
  const [{ connectHub }, { startCampaigns }, { createLog }] = await Promise.all([
    import("./hub-connect.ts"),
    import("../hub/campaign.ts"),
    import("./log.ts"),
  ]);
  const log = createLog({ level: options.logLevel, format: options.logFormat, destination: stderr });
  const nc = await connectHub(options);
  try {
    await using _campaigns = startCampaigns({ nc, log });
    stdout.write("rollouts are led from here\n");
    if (!signal.aborted) await Promise.race([once(signal, "abort"), nc.closed()]);
  } finally {
    await nc.close();
  }
}
