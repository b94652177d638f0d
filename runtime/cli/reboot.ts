import type { Command } from "commander";
import { addCommand, type Context } from "./context.ts";
import { askNode } from "./control-socket.ts";
import { controlSocket } from "./status.ts";
import { defaultTargetPath } from "./target-file.ts";

export function addRebootCommand(program: Command, context: Context): void {
  addCommand(program, {
    usage: "reboot",
    summary: "restart the system of a node",
    description: "Restarts the whole system, where the node is that of an image. Only an owner may.",
    examples: [
      "umec reboot    # in a session of an owner",
      "umec reboot --data /data/umec/data    # as root",
    ],
  })
    .option("--data <directory>", "the node's data directory")
    .action(async ({ data }: { data?: string }) => {
      const socket = await controlSocket(defaultTargetPath, data);
      await askNode(socket, "/reboot", { body: {}, signal: context.signal });
    });
}
