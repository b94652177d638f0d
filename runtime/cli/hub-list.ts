import type { Command } from "commander";
import type { NodeSummary } from "../hub/node-admin.ts";
import { addCommand, type Context } from "./context.ts";

export function addHubNodesCommand(hub: Command, context: Context): void {
  addCommand(hub, {
    usage: "nodes",
    summary: "list the nodes that have enrolled, are to, or link with a credentials file",
    examples: ["umec hub nodes", "umec hub nodes --json | jq -r 'select(.state == \"waiting\").node'"],
  })
    .option("--data <directory>", "the hub's", "hub")
    .option("--json", "one JSON object a line")
    .action((options: { data: string; json?: true }) => list(options, context));
}

interface Listed {
  nodes: NodeSummary[];
  refusals?: Record<string, number>;
}

async function list({ data, json }: { data: string; json?: true }, context: Context): Promise<void> {
  const [{ askHub }, { formatTable }] = await Promise.all([import("./hub-ask.ts"), import("./table.ts")]);
  const { nodes, refusals } = await askHub<Listed>(data, "/nodes", undefined, context.signal);
  if (json) {
    for (const node of nodes) context.stdout.write(`${JSON.stringify(shown(node))}\n`);
    return;
  }
  if (nodes.length === 0) context.stdout.write("no node yet: make a token with umec hub token --name NAME\n");
  else {
    const titles = ["NODE", "STATE", "ENROLLED", "RENEWED", "EXPIRES"].map((title) => ({ title }));
    const rows = nodes.map((node) => [
      node.node,
      stateText(node),
      timeText(node.enrolledAtMs),
      timeText(node.renewedAtMs),
      timeText(node.state === "waiting" ? node.tokenUntilMs : node.expiresAtMs),
    ]);
    context.stdout.write(`${formatTable(titles, rows).join("\n")}\n`);
  }
  const refused = Object.entries(refusals ?? {}).map(([code, count]) => `${code} ${count}`);
  if (refused.length > 0) context.stdout.write(`refused since the start: ${refused.join(", ")}\n`);
}

function stateText({ state, replaceable }: NodeSummary): string {
  return replaceable ? `${state}, may be replaced` : state;
}

function timeText(ms: number | undefined): string {
  return ms === undefined ? "-" : `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

function shown({ tokenUntilMs, enrolledAtMs, renewedAtMs, expiresAtMs, ...rest }: NodeSummary) {
  const time = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString());
  return {
    ...rest,
    enrolled: time(enrolledAtMs),
    renewed: time(renewedAtMs),
    expires: time(expiresAtMs),
    tokenUntil: time(tokenUntilMs),
  };
}
