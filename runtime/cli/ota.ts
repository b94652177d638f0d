import type { Command } from "commander";
import { addCommand, type Context } from "./context.ts";
import { addOtaLeadCommand } from "./ota-lead.ts";
import { addOtaPruneCommand } from "./ota-prune.ts";
import { addOtaPushCommand } from "./ota-push.ts";
import { addOtaStatusCommands } from "./ota-status.ts";
import { addOtaStopCommands } from "./ota-stop.ts";

export function addOtaCommand(program: Command, context: Context): void {
  const ota = addCommand(program, {
    usage: "ota",
    summary: "roll updates of whole systems out to nodes, and see how they go",
    description:
      "Gives nodes new systems over their links, wave by wave. A node writes the new system beside the one that runs, restarts " +
      "into it, and falls back by itself when it is not good; then the rollout stops. The hub (umec hub) leads rollouts.",
    examples: [
      "umec ota push --creds hub/fleet.creds umec-1.4.0-virt.raucb --to 'site-a-*' --wave 5%,25%,100%",
      "umec ota status --creds hub/fleet.creds",
      "umec ota stop --creds hub/fleet.creds 1-4-0-a3f2",
    ],
  });
  addOtaPushCommand(ota, context);
  addOtaStatusCommands(ota, context);
  addOtaStopCommands(ota, context);
  addOtaPruneCommand(ota, context);
  addOtaLeadCommand(ota, context);
}
