/**
 * The judge of `umec.json`: its syntax, its schema, the network, and then the target state that comes of it, by the same
 * check that `node.yaml` goes through, so that a card which passes at the desk also passes in the field. Findings are
 * about the place in umec.json, wherever they were found, and never show credentials.
 */
import { join } from "node:path";
import { checkTarget } from "../target/check.ts";
import { readDocument } from "../target/document.ts";
import { findProblems } from "../target/find-problems.ts";
import type { Finding, Problem } from "../target/finding.ts";
import { isRecord } from "../target/json.ts";
import type { DriverSource } from "../target/types.ts";
import { type Card, cardSchema } from "./card-schema.ts";
import { checkHub } from "./check-hub.ts";
import { checkNetwork } from "./check-network.ts";
import { targetFile, targetPath } from "./compose.ts";
import { findJsonFault } from "./json-fault.ts";

export interface CheckedCard {
  /** Present exactly when no finding is an error. */
  card?: Card;
  /** By line and column. */
  findings: Finding[];
}

export interface CheckCardOptions {
  /** The file's name in findings. */
  path: string;
  drivers: DriverSource;
  /** Unix time at the desk, by which a token may be too old. @default not judged, as a node's clock may be wrong */
  nowMs?: number;
}

/** Never throws for what the text says. */
export async function checkCard(
  text: string,
  { path, drivers, nowMs }: CheckCardOptions,
): Promise<CheckedCard> {
  const fault = findJsonFault(text);
  if (fault) return { findings: [syntaxFinding(text, fault, path)] };
  // JSON is YAML too, and that reader knows where everything stands.
  const document = readDocument(text);
  const findings: Finding[] = document.problems.map(({ line, column, pointer, reason, hint }) => ({
    ...{ file: path, line, column, pointer, value: "", reason },
    ...(hint !== undefined && { hint }),
    severity: "error",
  }));
  const place = ({ pointer, reason, hint, at = "value", severity = "error" }: Problem): Finding => {
    const { value, line, column } = document.locate(pointer, at);
    const shown = at === "key" || isSecret(pointer) ? "" : value;
    return {
      ...{ file: path, line, column, pointer, value: shown, reason },
      ...(hint !== undefined && { hint }),
      severity,
    };
  };
  const value: unknown = JSON.parse(text);
  if (findings.length === 0) findings.push(...(await checkSchema(value)).map(place));
  if (findings.length === 0) {
    const card = value as Card;
    findings.push(...[...checkHub(card, nowMs), ...checkNetwork(card.network)].map(place));
    for (const problem of await checkComposed(card, drivers)) findings.push(place(problem));
  }
  findings.sort((a, b) => a.line - b.line || a.column - b.column);
  if (findings.some(({ severity }) => severity === "error")) return { findings };
  return { card: value as Card, findings };
}

function syntaxFinding(
  text: string,
  { offset, reason }: { offset: number; reason: string },
  file: string,
): Finding {
  const before = text.slice(0, offset).split("\n");
  return {
    ...{ file, line: before.length, column: before.at(-1)!.length + 1, pointer: "", value: "", reason },
    hint: "it has to be JSON: keys and text in double quotes, no comma behind the last, no comments",
    severity: "error",
  };
}

async function checkSchema(value: unknown): Promise<Problem[]> {
  if (!isRecord(value)) return [{ pointer: "", reason: "must be a mapping: { … }" }];
  return findProblems(cardSchema, value);
}

/** The check of node.yaml, of the one that will lie on the node. */
async function checkComposed(card: Card, drivers: DriverSource): Promise<Problem[]> {
  const { findings } = await checkTarget(targetFile(card), { path: join("/", targetPath), drivers });
  return (
    findings
      // These files come from the card, and so does the token, of which a warning at `link` tells.
      .filter(({ pointer }) => pointer !== "/link/credentials" && pointer !== "/link/ca")
      .filter(({ pointer, severity }) => pointer !== "/link" || severity === "error")
      .map(({ pointer, value, reason, hint, severity }) => ({
        ...{ pointer: pointerInCard(pointer, card), reason, hint, severity },
        // Findings about a key have no value.
        at: value === "" ? ("key" as const) : ("value" as const),
      }))
  );
}

/** Where in umec.json a place in the node.yaml that comes of it was told. */
function pointerInCard(pointer: string, { ssh = [] }: Card): string {
  if (pointer === "" || pointer === "/node") return pointer;
  if (pointer.startsWith("/link/hub")) return pointer.replace("/link/hub", "/hub/urls");
  const key = /^\/users\/owner\/ssh\/(\d+)$/.exec(pointer)?.[1];
  if (key === undefined) return `/target${pointer}`;
  // The card's own keys come first (compose.ts).
  const index = Number(key);
  return index < ssh.length ? `/ssh/${index}` : `/target/users/owner/ssh/${index - ssh.length}`;
}

function isSecret(pointer: string): boolean {
  return pointer.startsWith("/hub/") && !pointer.startsWith("/hub/urls");
}
