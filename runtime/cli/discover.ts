import type { Command } from "commander";
import { isUmecError, messageOf, UmecError } from "../errors.ts";
import { addCommand, type Context } from "./context.ts";
import { exitCodes } from "./exit-codes.ts";
import { durationArgument } from "./units.ts";

interface Flags {
  at?: string;
  timeout: number;
  json?: true;
  yaml?: true;
}

export function addDiscoverCommand(program: Command, context: Context): void {
  addCommand(program, {
    usage: "discover",
    summary: "find what is attached to this machine, and write plugins that read it",
    description:
      "Lists what the drivers find: I2C chips, GPIO chips and lines, serial ports, cameras, and so on. Nothing is " +
      "written to a device. At the end stands a part of a node.yaml that reads what was found. A driver that has to " +
      "be told where to look, such as modbus, is asked by name with --at.",
    examples: [
      "umec discover                            # all drivers that can look by themselves",
      "umec discover --yaml > found.yaml        # just the plugins",
      "umec discover modbus --at /dev/ttyUSB0   # which units answer on a line",
      "umec discover onvif --json | jq -r .summary",
    ],
  })
    .argument("[driver]", "look with this driver alone")
    .option("--at <place>", "where the driver looks: a serial port, an address, a network")
    .option("--timeout <duration>", "longest time for each driver, such as 90s", durationArgument, 30_000)
    .option("--json", "one JSON object a line: driver, summary, plugin; or driver, error")
    .option("--yaml", "just the part of the node.yaml")
    .action((driver: string | undefined, flags: Flags) => discover(driver, flags, context));
}

async function discover(only: string | undefined, flags: Flags, context: Context): Promise<void> {
  const { at, timeout: timeoutMs, json, yaml } = flags;
  if (at !== undefined && only === undefined) {
    throw new UmecError("CLI_USAGE", "--at says where one driver looks, and no driver is named", {
      hint: `umec discover modbus --at ${at}`,
    });
  }
  const [{ look }, { Fragment }, { drivers }, { createLog }] = await Promise.all([
    import("../discover/look.ts"),
    import("../discover/fragment.ts"),
    import("../drivers.ts"),
    import("./log.ts"),
  ]);
  const { stdout, stderr, signal } = context;
  const log = createLog({ level: "info", destination: stderr });
  const fragment = new Fragment();
  let found = 0;
  let failed = 0;
  const places = { ...(only !== undefined && { only }), ...(at !== undefined && { at }) };
  for await (const one of look({ drivers, ...places, timeoutMs, log, signal })) {
    if (one.kind === "found") {
      found++;
      fragment.add(one.driver, one.found);
      if (json) stdout.write(`${JSON.stringify({ driver: one.driver, ...one.found })}\n`);
      else if (!yaml) stdout.write(`${one.driver.padEnd(8)}  ${one.found.summary}\n`);
      continue;
    }
    failed++;
    const hint = isUmecError(one.error) && one.error.hint ? ` (${one.error.hint})` : "";
    const text = `${messageOf(one.error)}${hint}`;
    if (json) stdout.write(`${JSON.stringify({ driver: one.driver, error: text })}\n`);
    else stderr.write(`umec: ${one.driver}: ${text}\n`);
  }
  if (!json && !yaml && found === 0) stdout.write("nothing was found\n");
  if (!json && fragment.toYaml() !== "") {
    stdout.write(yaml ? fragment.toYaml() : `\n# for your node.yaml:\n${fragment.toYaml()}`);
  }
  if (failed > 0 && found === 0) context.exitCode = exitCodes.failed;
}
