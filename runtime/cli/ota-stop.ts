import { userInfo } from "node:os";
import type { Command } from "commander";
import { addCommand, type Context } from "./context.ts";
import type { HubAddress } from "./hub-connect.ts";
import { hubOptions } from "./ota-hub.ts";
import { plural } from "./units.ts";

interface StopOptions extends HubAddress {
  reason?: string;
}

export function addOtaStopCommands(ota: Command, context: Context): void {
  const stop = addCommand(ota, {
    usage: "stop",
    summary: "stop a rollout",
    description:
      "No further node is told, and orders are taken back: who is fetching gives it up, who has installed it does not restart " +
      "for it by itself. Nodes that run the new version keep it.",
    examples: [
      "umec ota stop --creds hub/fleet.creds 1-4-0-a3f2",
      "umec ota stop --creds hub/fleet.creds 1-4-0-a3f2 --reason rs485   # umec ota status shows it",
    ],
  }).argument("<id>", "the rollout's, as umec ota list has it");
  hubOptions(stop)
    .option("--reason <text>", "why; umec ota status shows it")
    .action((id: string, options: StopOptions) => stopRollout(id, options, context));
  const resume = addCommand(ota, {
    usage: "resume",
    summary: "go on with a rollout that was stopped",
    description:
      "Goes on with the wave at which it stopped. The failures so far no longer count; nodes that have failed are not told " +
      "again: for them make another rollout, of a bundle that is better.",
    examples: [
      "umec ota resume --creds hub/fleet.creds 1-4-0-a3f2",
      "umec ota resume --url nats://hub.example.org:4222 --tls-ca ca.pem --creds fleet.creds 1-4-0-a3f2",
    ],
  }).argument("<id>", "the rollout's");
  hubOptions(resume).action((id: string, options: StopOptions) => resumeRollout(id, options, context));
}

async function stopRollout(id: string, options: StopOptions, { stdout }: Context): Promise<void> {
  const [{ connectHub }, { stopCampaign }] = await Promise.all([
    import("./hub-connect.ts"),
    import("../hub/campaign-edit.ts"),
  ]);
  const nc = await connectHub(options);
  try {
    await stopCampaign(
      nc,
      id,
      `${userInfo().username} stopped it${options.reason ? `: ${options.reason}` : ""}`,
    );
    stdout.write(`${id} is stopped\n`);
  } finally {
    await nc.close();
  }
}

async function resumeRollout(id: string, options: StopOptions, context: Context): Promise<void> {
  const { stdout, signal } = context;
  const [{ connectHub }, { resumeCampaign }, { readFailures }] = await Promise.all([
    import("./hub-connect.ts"),
    import("../hub/campaign-edit.ts"),
    import("../hub/campaign-status.ts"),
  ]);
  const nc = await connectHub(options);
  try {
    const failed = await readFailures(nc, id, signal);
    await resumeCampaign(nc, id, failed);
    const without = failed.length > 0 ? `, without ${plural(failed.length, "node")} that failed` : "";
    stdout.write(`${id} goes on${without}\n`);
  } finally {
    await nc.close();
  }
}
