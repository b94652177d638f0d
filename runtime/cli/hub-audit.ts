import type { Command } from "commander";
import type { Operator, TrailRead } from "../hub/trail.ts";
import { addCommand, type Context } from "./context.ts";
import { exitCodes } from "./exit-codes.ts";
import { integerArgument } from "./units.ts";

export function addHubAuditCommand(hub: Command, context: Context): void {
  addCommand(hub, {
    usage: "audit",
    summary: "show who has told this hub to change something",
    description:
      "Tokens, revocations, replacements, target states and certificates, each entered before it was done (`asked`) and " +
      "with what came of it. What nodes were asked for is in their own audit trails: umec hub read NODE audit --lane alarm.",
    examples: [
      "umec hub audit",
      "umec hub audit --last 10000 --json | jq -c 'select(.what | startswith(\"revoke\"))'",
    ],
  })
    .option("--data <directory>", "the hub's", "hub")
    .option("--last <count>", "how many entries", integerArgument(1, 200_000), 100)
    .option("--json", "one JSON object a line")
    .action((options: Options) => show(options, context));
}

interface Options {
  data: string;
  last: number;
  json?: true;
}

async function show({ data, last, json }: Options, context: Context): Promise<void> {
  const { stdout, stderr, signal } = context;
  const [{ askHub }, { formatTable }] = await Promise.all([import("./hub-ask.ts"), import("./table.ts")]);
  const { entries, broken } = await askHub<TrailRead>(data, "/audit", { most: last }, signal);
  if (json) for (const entry of entries) stdout.write(`${JSON.stringify(entry)}\n`);
  else if (entries.length === 0) stdout.write("nothing was changed yet\n");
  else {
    const titles = ["NO", "WHEN", "WHO", "WHAT", "RESULT"].map((title) => ({ title }));
    const rows = entries.map(({ n, atMs, by, what, result }) => [
      String(n),
      `${new Date(atMs).toISOString().slice(0, 19)}Z`,
      whoText(by),
      what,
      result,
    ]);
    stdout.write(`${formatTable(titles, rows).join("\n")}\n`);
  }
  if (broken.length === 0) return;
  stderr.write(
    `umec: entries do not follow from those before them, so some were altered or lost: ${broken.join(", ")}\n`,
  );
  context.exitCode = exitCodes.damaged;
}

function whoText({ user, sudo, from }: Operator): string {
  return `${sudo === undefined ? "" : `${sudo} as `}${user}${from === undefined ? "" : ` from ${from}`}`;
}
