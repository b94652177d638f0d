import type { Command } from "commander";
import { UmecError } from "../errors.ts";
import type { Context } from "./context.ts";

/** What the node starts for a plugin with `isolate: process`; nobody else has a use for it, so no help shows it. */
export function addPluginProcessCommand(program: Command, context: Context): void {
  program
    .command("plugin-process <config>", { hidden: true })
    .action(async (path: string) => runProcess(path, context));
}

async function runProcess(path: string, { stderr, signal }: Context): Promise<void> {
  const { UMEC_BUS_URL: busUrl, UMEC_BUS_CREDS: credentialsPath } = process.env;
  if (!busUrl || !credentialsPath || !process.send)
    throw new UmecError(
      "CLI_USAGE",
      "plugin-process is started by a node, for a plugin with isolate: process",
    );
  const [{ readFile }, { createLog }, { drivers }, { runPluginProcess }, { catchStrayErrors }] =
    await Promise.all([
      import("node:fs/promises"),
      import("./log.ts"),
      import("../drivers.ts"),
      import("../plugin-process.ts"),
      import("../plugin/stray.ts"),
    ]);
  // The node's own level decides what is kept.
  const log = createLog({ level: "debug", format: "json", destination: stderr });
  catchStrayErrors((error) => {
    log.error("the plugin's process itself failed, and ends", { error });
    process.exit(1);
  });
  const config = JSON.parse(await readFile(path, "utf8"));
  try {
    await runPluginProcess({ config, busUrl, credentialsPath, drivers, log, channel: process, signal });
  } finally {
    process.disconnect?.();
  }
}
