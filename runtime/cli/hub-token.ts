import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import type { Token } from "../enrol-wire.ts";
import { UmecError } from "../errors.ts";
import type { TokenRequest } from "../hub/tokens.ts";
import { addCommand, type Context } from "./context.ts";
import { durationArgument } from "./units.ts";

interface Options {
  data: string;
  name?: string;
  csv?: string;
  expires?: number;
  target?: string;
  hubUrl?: string[];
  ca?: string;
  out?: string;
  json?: true;
}

const collect = (value: string, before: string[] = []) => [...before, value];

export function addHubTokenCommand(hub: Command, context: Context): void {
  addCommand(hub, {
    usage: "token",
    summary: "make tokens, with which new nodes enrol by themselves",
    description:
      "Makes a token for one node with --name, or many with --csv. A token is good for one node, once, and for a time. The " +
      "node makes its own keys and shows the token; the hub never has its secrets. Works beside a running hub too. The output is " +
      "secret.",
    examples: [
      "umec hub token --name lamp-0042 --expires 2d",
      "umec hub token --name lamp-0042 --hub-url tls://hub.example.org:7422 --ca ca.pem --target lamp.yaml --out lamp-0042.token",
      "umec hub token --csv cards.csv --out tokens/   # first line: name,expires,target",
    ],
  })
    .option("--data <directory>", "the hub's", "hub")
    .option("--name <node>", "the node's name")
    .option("--csv <file>", "many: columns name and, if wanted, expires and target; a header is required")
    .option("--expires <duration>", "how long it can be used, such as 12h (default: 7d)", durationArgument)
    .option("--target <node.yaml>", "what the node is told to be when it has enrolled")
    .option("--hub-url <url>", "where it is told to link; may be given again", collect)
    .option(
      "--ca <file>",
      "the CA's certificate that it is told, PEM (default: the hub's own, if it has one)",
    )
    .option(
      "--out <path>",
      "a file, or with --csv a directory, for its owner alone (default: standard output)",
    )
    .option("--json", "one JSON object a line")
    .action((options: Options) => makeTokens(options, context));
}

async function makeTokens(options: Options, context: Context): Promise<void> {
  const { data, name, csv, out, json } = options;
  if ((name === undefined) === (csv === undefined))
    throw new UmecError("CLI_USAGE", "give --name for one token, or --csv for many");
  if (csv !== undefined && out === undefined && !json)
    throw new UmecError("CLI_USAGE", "--csv makes files: name their directory with --out, or take --json");
  const [{ askHub }, { ownCa, targetOf, textOf }] = await Promise.all([
    import("./hub-ask.ts"),
    import("./hub-token-parts.ts"),
  ]);
  const { ca } = { ...options, ...(await ownCa(options)) };
  const hub = {
    ...(options.hubUrl && { urls: options.hubUrl }),
    ...(ca !== undefined && { ca: await textOf(ca) }),
  };
  const common = {
    ...(options.expires !== undefined && { expiresInMs: options.expires }),
    ...(Object.keys(hub).length > 0 && { hub }),
    ...(options.target !== undefined && { target: await targetOf(options.target) }),
  };
  let requests: TokenRequest[];
  if (csv === undefined) requests = [{ node: name!, ...common }];
  else {
    const { readTokenTable } = await import("./hub-token-table.ts");
    const { nodes } = await askHub<{ nodes: { node: string; state: string; replaceable?: true }[] }>(
      data,
      "/nodes",
      undefined,
      context.signal,
    );
    const taken = nodes.filter(
      ({ state, replaceable }) => (state === "enrolled" || state === "revoked") && !replaceable,
    );
    const rows = await readTokenTable(csv, new Set(taken.map(({ node }) => node)));
    requests = rows.map((row) => ({ ...common, ...row }));
  }
  const { tokens } = await askHub<{ tokens: Token[] }>(data, "/tokens", { tokens: requests }, context.signal);
  await hand(tokens, options, context);
}

async function hand(tokens: readonly Token[], options: Options, { stdout }: Context): Promise<void> {
  const [{ formatToken }, { writePrivateFile }] = await Promise.all([
    import("../enrol-wire.ts"),
    import("../nats/private-file.ts"),
  ]);
  const { csv, out, json } = options;
  if (out !== undefined && csv !== undefined) await mkdir(out, { recursive: true, mode: 0o700 });
  for (const token of tokens) {
    const { node, id, expiresAtMs } = token;
    const text = formatToken(token);
    const path =
      out === undefined ? undefined : resolve(csv === undefined ? out : join(out, `${node}.token`));
    if (path !== undefined) await writePrivateFile(path, `${text}\n`);
    const expires = new Date(expiresAtMs).toISOString();
    if (json) {
      const place = path === undefined ? { token: text } : { path };
      stdout.write(`${JSON.stringify({ node, id, expires, ...place })}\n`);
    } else if (path === undefined) stdout.write(`${text}\n`);
    else stdout.write(`${node}: ${path}, good until ${expires}\n`);
  }
}
