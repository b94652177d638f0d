import type { Command } from "commander";
import type { TargetReport } from "../document-wire.ts";
import { UmecError } from "../errors.ts";
import type { HubTarget, SetTarget, TargetOutcome } from "../hub/documents-target.ts";
import { addCommand, type Context } from "./context.ts";
import { durationArgument } from "./units.ts";

interface Options {
  data: string;
  set?: string;
  merge?: string;
  remove?: true;
  wait: number;
  json?: true;
}

export function addHubTargetCommand(hub: Command, context: Context): void {
  addCommand(hub, {
    usage: "target",
    summary: "show or change what the hub decides of a node's target state",
    description:
      "The hub keeps keys of node.yaml for a node. The node takes each change over while it runs, at once if it is linked, " +
      "else when it links: each key takes the place of its own, `key: null` takes it out, and keys that are not there stay. " +
      "node, data, and of link hub, credentials and ca are the node's own.\nThe file is checked before it is kept. What " +
      "somebody changes at the node stays until the hub says something new.",
    examples: [
      "umec hub target lamp-0042                     # what the hub keeps, and what the node made of it",
      "umec hub target lamp-0042 --set lamp.yaml",
      "umec hub target 'lamp-*' --merge users.yaml   # these keys, for all of them; others stay as they are",
      "umec hub target lamp-0042 --remove            # the hub keeps nothing; the node stays as it is",
    ],
  })
    .argument("<node...>", "names, or patterns with *")
    .option("--data <directory>", "the hub's", "hub")
    .option("--set <file>", "keep these keys, and no others; - is standard input")
    .option("--merge <file>", "keep these keys beside those that are kept already; - is standard input")
    .option("--remove", "keep nothing for the node any more")
    .option("--wait <duration>", "how long to wait for what the node says", durationArgument, 5_000)
    .option("--json", "one JSON object for each node")
    .action(async (nodes: string[], options: Options) => {
      const given = [options.set, options.merge, options.remove].filter((one) => one !== undefined);
      if (given.length > 1)
        throw new UmecError("CLI_USAGE", "--set, --merge and --remove exclude each other");
      if (given.length === 0) await show(nodes, options, context);
      else await change(nodes, options, context);
    });
}

async function show(nodes: readonly string[], { data, json }: Options, context: Context): Promise<void> {
  const { stdout, signal } = context;
  const { askHub } = await import("./hub-ask.ts");
  for (const node of nodes) {
    const found = await askHub<HubTarget>(data, "/target", { node }, signal);
    stdout.write(json ? `${JSON.stringify(found)}\n` : await shown(found));
  }
}

async function shown({ node, document, report }: HubTarget): Promise<string> {
  const { formatFacts } = await import("./table.ts");
  const timeOf = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`;
  const kept = document
    ? `revision ${document.revision}, set ${timeOf(document.issuedAtMs)}`
    : "nothing: the node goes by its own node.yaml";
  const latest = document && report?.issuedAtMs === document.issuedAtMs;
  const said =
    report &&
    `${stateText(report.state)} ${timeOf(report.atMs)}${reasonText(report.reason)}${reachedText(report)}`;
  const facts = formatFacts([
    ["the hub keeps", kept],
    ["the node", latest ? said! : `has not said anything of it${said ? `; before: ${said}` : ""}`],
  ]);
  const lines = document || report ? facts : facts.slice(0, 1);
  return `${node}\n${lines.join("\n")}\n${document ? `---\n${document.text.replace(/\n*$/, "\n")}` : ""}`;
}

async function change(nodes: readonly string[], options: Options, context: Context): Promise<void> {
  const { data, set, merge, remove, wait, json } = options;
  const { stdout, stderr, signal } = context;
  const { askHub } = await import("./hub-ask.ts");
  const request: SetTarget = {
    nodes,
    how: remove ? "remove" : set === undefined ? "merge" : "set",
    waitMs: wait,
  };
  const file = set ?? merge;
  if (file !== undefined) request.text = await checkedText(file, nodes, stderr);
  const done = await askHub<{ nodes: TargetOutcome[] }>(data, "/target/set", request, signal);
  for (const outcome of done.nodes)
    stdout.write(json ? `${JSON.stringify(outcome)}\n` : `${outcomeText(outcome)}\n`);
  if (done.nodes.some(({ state }) => state === "refused" || state === "failed")) context.exitCode = 1;
}

/** @throws UmecError `TARGET_INVALID`, after its findings were shown; `TARGET_UNREADABLE` */
async function checkedText(
  file: string,
  nodes: readonly string[],
  stderr: NodeJS.WriteStream,
): Promise<string> {
  const [{ newText }, { checkForHub }, { countFindings, formatFindings }] = await Promise.all([
    import("./target.ts"),
    import("./hub-target-check.ts"),
    import("./target-file.ts"),
  ]);
  const text = await newText(file);
  const name = file === "-" ? "standard input" : file;
  const only = nodes.length === 1 && !nodes[0]!.includes("*") ? nodes[0]! : undefined;
  const { findings, passedOver, node } = await checkForHub(text, name, only ?? "some-node");
  stderr.write(formatFindings(findings));
  const { errors } = countFindings(findings);
  if (errors > 0)
    throw new UmecError("TARGET_INVALID", `${name} has errors: ${errors}`, {
      hint: "the hub keeps what it had",
    });
  if (node !== undefined && node !== only) {
    throw new UmecError("TARGET_INVALID", `${name} is of the node ${node}, not of ${nodes.join(", ")}`, {
      hint: "take the line `node:` out if these keys are meant for others",
    });
  }
  const others = passedOver.filter((key) => key !== "node");
  if (others.length > 0) stderr.write(`left to the node, which decides it: ${others.join(", ")}\n`);
  return text;
}

function outcomeText({ node, revision, state, reason }: TargetOutcome): string {
  if (state === "removed") return `${node}: the hub keeps nothing for it`;
  const said = state === "waiting" ? "kept; the node has not said anything yet" : stateText(state);
  return `${node}: revision ${revision}, ${said}${reasonText(reason)}`;
}

function stateText(state: Exclude<TargetOutcome["state"], "waiting" | "removed">): string {
  return { taken: "taken over", refused: "refused", failed: "not taken over yet" }[state] ?? state;
}

function reachedText({ reached, failures }: TargetReport): string {
  if (reached === undefined) return "";
  return reached ? ", and the node is so" : `, and the node is not so yet: ${failures?.join("; ")}`;
}

function reasonText(reason: string | undefined): string {
  return reason === undefined ? "" : `: ${reason}`;
}
