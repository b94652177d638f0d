import { type Command, Option } from "commander";
import type { CaStep } from "../hub-init/authority.ts";
import type { RotatedHub } from "../hub-init/rotate.ts";
import { addCommand, type Context } from "./context.ts";
import { integerArgument } from "./units.ts";

interface Options {
  data: string;
  ca?: CaStep;
  days?: number;
  json?: true;
}

export function addHubRotateCommand(hub: Command, context: Context): void {
  addCommand(hub, {
    usage: "rotate-certificate",
    summary: "give the hub a new certificate, or change its CA",
    description:
      "Makes a new key and certificate of the hub's own CA. A hub that runs uses it for new handshakes at once; links stay.\n" +
      "Its CA is changed in three steps: `prepare` makes the new one and tells nodes, `use` takes it into use, `finish` forgets " +
      "the old one. Between them nodes need time to hear of it: two days, and those that are off longer.",
    examples: [
      "umec hub rotate-certificate",
      "umec hub rotate-certificate --data hub/secret      # one of umec hub init",
      "umec hub rotate-certificate --ca prepare",
    ],
  })
    .option("--data <directory>", "the hub's", "hub")
    .addOption(
      new Option("--ca <step>", "a step of a change of the CA").choices(["prepare", "use", "finish"]),
    )
    .option("--days <days>", "how long it holds (default: 730)", integerArgument(1, 7300))
    .option("--json", "one JSON object")
    .action((options: Options) => rotate(options, context));
}

async function rotate(options: Options, { stdout, signal }: Context): Promise<void> {
  const { data, ca: step, days, json } = options;
  const { askHub } = await import("./hub-ask.ts");
  const body = { ...(step && { step }), ...(days !== undefined && { days }) };
  const done = await askHub<RotatedHub>(data, "/certificate", body, signal);
  stdout.write(json ? `${JSON.stringify(done)}\n` : `${textOf(done, step)}\n`);
}

function textOf({ renewed, caFile, files, elsewhere }: RotatedHub, step: CaStep | undefined): string {
  const next = {
    prepare: "Nodes are told of the new CA; give them two days, and readers the file. Then: --ca use",
    use: "The new CA is in use. When all is well: --ca finish",
    finish: "The old CA is forgotten.",
  };
  const carry = [...(renewed ? files : []), ...(step ? ["ca.pem beside each"] : [])].join(", ");
  return [
    renewed ? "the hub has a new certificate" : `the CAs to trust are in ${caFile}`,
    ...(elsewhere ? [`carry to the servers, and send nats-server SIGHUP: ${carry}`] : []),
    ...(step ? [next[step]] : []),
  ].join("\n");
}
