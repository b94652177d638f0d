/** The text of a umec.json, out of a file or of what the command line says, and checked as the node will check it. */
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { parse } from "yaml";
import { cardFileBytes } from "../commission/card-file.ts";
import { checkCard } from "../commission/check-card.ts";
import { drivers } from "../drivers.ts";
import { messageOf, UmecError } from "../errors.ts";
import { isRecord } from "../target/json.ts";
import type { Context } from "./context.ts";
import { countFindings, formatFindings, readText } from "./target-file.ts";
import { formatBytes, plural } from "./units.ts";

export interface CardOptions {
  config?: string;
  name?: string;
  hub?: string[];
  creds?: string;
  ca?: string;
  target?: string;
  sshKey?: string[];
}

/** `undefined`: no option asks for a configuration. @throws UmecError `CLI_USAGE`, `CARD_INVALID`, `CARD_UNREADABLE` */
export async function cardText(options: CardOptions, context: Context): Promise<string | undefined> {
  const { config, ...parts } = options;
  const composed = Object.values(parts).some((part) => part !== undefined);
  if (config !== undefined && composed) {
    throw new UmecError(
      "CLI_USAGE",
      "--config is a whole umec.json; the options that make one do not go with it",
    );
  }
  if (config !== undefined) return checkedText(await textOf(config), config, context);
  return composed ? checkedText(await composeCard(parts), "the options' umec.json", context) : undefined;
}

/** @throws UmecError `CLI_USAGE`, `CARD_UNREADABLE` and those of `readText` for the target file */
export async function composeCard(parts: Omit<CardOptions, "config">): Promise<string> {
  const { node, hub: linked, target } = await readTarget(parts.target);
  const name = parts.name ?? node;
  if (name === undefined) {
    throw new UmecError("CLI_USAGE", "the configuration has no name for the node", {
      hint: "give it with --name, or as `node` in the file of --target",
    });
  }
  const urls = parts.hub ?? linked.hub;
  if (urls === undefined && (parts.creds !== undefined || parts.ca !== undefined))
    throw new UmecError("CLI_USAGE", "--creds and --ca are for a hub: give its address with --hub");
  // Those in the file are for the hub in the file.
  const besides = parts.hub === undefined ? linked : {};
  const [creds, ca] = [parts.creds ?? besides.credentials, parts.ca ?? besides.ca];
  const keys = await Promise.all((parts.sshKey ?? []).map(textOf));
  const ssh = keys.flatMap((text) =>
    text
      .split("\n")
      .filter((line) => /^[^#\s]/.test(line))
      .map((line) => line.trim()),
  );
  const hub = urls !== undefined && {
    urls,
    ...(creds !== undefined && { credentials: await textOf(creds) }),
    ...(ca !== undefined && { ca: await textOf(ca) }),
  };
  const card = {
    node: name,
    ...(hub && { hub }),
    ...(Object.keys(target).length > 0 && { target }),
    ...(ssh.length > 0 && { ssh }),
  };
  return `${JSON.stringify(card, null, 2)}\n`;
}

/** @param path the text's name in findings. @throws UmecError `CARD_INVALID` */
export async function checkedText(text: string, path: string, { stderr }: Context): Promise<string> {
  const { card, findings } = await checkCard(text, { path, drivers, nowMs: Date.now() });
  stderr.write(formatFindings(findings));
  if (!card) {
    const { errors } = countFindings(findings);
    throw new UmecError("CARD_INVALID", `${path} has ${plural(errors, "error")}: nothing was written`, {
      hint: "docs/commissioning.md has every key; `umec commission --check` shows the findings again",
    });
  }
  const bytes = Buffer.byteLength(text.trimEnd());
  if (bytes >= cardFileBytes) {
    const room = formatBytes(cardFileBytes);
    throw new UmecError("CARD_INVALID", `${path} has ${formatBytes(bytes)}, a card has room for ${room}`, {
      hint: "leave out plugins: the node takes a larger node.yaml later, at /data/umec/node.yaml",
    });
  }
  return text;
}

interface TargetParts {
  node?: unknown;
  /** What its `link` says of the hub; the files' paths as they are from here. */
  hub: { hub?: unknown; credentials?: string; ca?: string };
  /** All else that a card takes over: not `data`, which the image decides. */
  target: Record<string, unknown>;
}

async function readTarget(path: string | undefined): Promise<TargetParts> {
  if (path === undefined) return { hub: {}, target: {} };
  const { node, data: _, link, ...rest } = await readKeys(path);
  if (!isRecord(link)) return { node, hub: {}, target: { ...rest, ...(link !== undefined && { link }) } };
  const { hub, credentials, ca, ...settings } = link;
  const beside = (file: unknown) => (typeof file === "string" ? resolve(dirname(path), file) : undefined);
  const [credsFile, caFile] = [beside(credentials), beside(ca)];
  return {
    node,
    hub: {
      ...(hub !== undefined && { hub }),
      ...(credsFile !== undefined && { credentials: credsFile }),
      ...(caFile !== undefined && { ca: caFile }),
    },
    target: { ...rest, ...(Object.keys(settings).length > 0 && { link: settings }) },
  };
}

async function readKeys(path: string): Promise<Record<string, unknown>> {
  const text = await readText(path);
  try {
    const value: unknown = parse(text);
    if (isRecord(value)) return value;
    throw new Error("it is no mapping");
  } catch (cause) {
    throw new UmecError("CARD_UNREADABLE", `${path} can't be read: ${messageOf(cause)}`, {
      cause,
      hint: "`umec check` shows what is wrong",
    });
  }
}

async function textOf(path: string): Promise<string> {
  return readFile(path, "utf8").catch((cause: Error) => {
    throw new UmecError("CARD_UNREADABLE", `a file of the configuration can't be read: ${cause.message}`, {
      cause,
    });
  });
}
