import { type Command, Option } from "commander";
import { lanes } from "../subjects.ts";
import { addCommand, type Context } from "./context.ts";
import type { ExportOptions } from "./outbox-export.ts";

export function addOutboxCommand(program: Command, context: Context): void {
  const outbox = addCommand(program, {
    usage: "outbox",
    summary: "look into an outbox file, export it, salvage it",
    description:
      "Works on the outbox file of a node that is stopped, or on a copy from elsewhere with its -wal and .label " +
      "beside it.",
    examples: [
      "umec outbox inspect data/outbox/outbox.db",
      "umec outbox export data/outbox/outbox.db --format csv --out samples.csv",
      "umec outbox salvage data/outbox/outbox.db",
    ],
  });
  outbox.helpCommand(false).enablePositionalOptions();
  addInspect(outbox, context);
  addExport(outbox, context);
  addSalvage(outbox, context);
}

function addInspect(outbox: Command, context: Context): void {
  addCommand(outbox, {
    usage: "inspect",
    summary: "show what waits in it, and whether it is damaged",
    description: "Shows what waits in an outbox. The file is not changed. Exit status 5 when it is damaged.",
    examples: [
      "umec outbox inspect data/outbox/outbox.db",
      "umec outbox inspect --json data/outbox/outbox.db | jq .chains",
    ],
  })
    .argument("<file>")
    .option("--json", "one JSON object")
    .action(async (file: string, { json = false }: { json?: boolean }) => {
      const { inspectOutbox } = await import("./outbox-inspect.ts");
      await inspectOutbox(file, json, context);
    });
}

function addExport(outbox: Command, context: Context): void {
  addCommand(outbox, {
    usage: "export",
    summary: "write its samples as SenML, CSV or JSON lines",
    description:
      "Writes all samples that wait, lane by lane in the order of their arrival, alarms first. The file is not " +
      "changed. Of a damaged file it writes all that can be read, with exit status 5.",
    examples: [
      "umec outbox export data/outbox/outbox.db > samples.senml.json",
      "umec outbox export data/outbox/outbox.db --format csv --plugin meter --out meter.csv",
      "umec outbox export data/outbox/outbox.db --format ndjson --lane alarm | jq .value",
    ],
  })
    .argument("<file>")
    .addOption(
      new Option("--format <format>", "RFC 8428, RFC 4180, or one JSON object a line")
        .choices(["senml-json", "csv", "ndjson"])
        .default("senml-json"),
    )
    .option("--plugin <name>", "only this plugin")
    .addOption(new Option("--lane <lane>", "only this lane").choices(lanes))
    .option("--out <file>", "write it there instead of to standard output")
    .action(async (file: string, options: ExportOptions) => {
      const { exportOutbox } = await import("./outbox-export.ts");
      await exportOutbox(file, options, context);
    });
}

function addSalvage(outbox: Command, context: Context): void {
  addCommand(outbox, {
    usage: "salvage",
    summary: "read all of it, and repair it where it is damaged",
    description:
      "Reads an outbox from end to end. If it is damaged: sets the damaged file aside, carries over every row " +
      "that can be read, and puts gap records where rows are missing, which reach the hub as such. A node does " +
      "the same by itself when it meets the damage. Exit status 5 when rows were lost.",
    examples: [
      "umec outbox salvage data/outbox/outbox.db",
      "umec outbox salvage --json data/outbox/outbox.db | jq .lostRows",
    ],
  })
    .argument("<file>")
    .option("--json", "one JSON object")
    .action(async (file: string, { json = false }: { json?: boolean }) => {
      const { salvageOutbox } = await import("./outbox-salvage.ts");
      await salvageOutbox(file, json, context);
    });
}
