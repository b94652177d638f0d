/**
 * The judge of `umec.json`: the schema first, and then the target state that comes of it, by the same check that
 * `node.yaml` goes through, so that a card which passes at the desk also passes in the field. Findings are about the
 * place in umec.json, wherever they were found.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { checkTarget } from "../target/check.ts";
import { readDocument } from "../target/document.ts";
import { explain } from "../target/explain.ts";
import type { Finding, Problem } from "../target/finding.ts";
import type { DriverSource } from "../target/types.ts";
import { type Card, cardSchema } from "./card-schema.ts";
import { filesOf, targetPath } from "./compose.ts";

export interface CheckedCard {
  /** Present exactly when no finding is an error. */
  card?: Card;
  /** By line and column. */
  findings: Finding[];
}

/** `path` is the file's name in findings. Never throws for what the text says. */
export async function checkCard(
  text: string,
  { path, drivers }: { path: string; drivers: DriverSource },
): Promise<CheckedCard> {
  const document = readDocument(text);
  const findings: Finding[] = document.problems.map(({ severity = "error", hint, at: _, ...problem }) => ({
    ...problem,
    ...(hint !== undefined && { hint }),
    file: path,
    value: "",
    severity,
  }));
  const place = (problem: Problem): Finding => {
    const { pointer, reason, hint, at = "value", severity = "error" } = problem;
    const { value, line, column } = document.locate(pointer, at);
    return {
      ...{ file: path, line, column, pointer, value: at === "key" || isSecret(pointer) ? "" : value, reason },
      ...(hint !== undefined && { hint }),
      severity,
    };
  };
  if (findings.length === 0) {
    const validate = new Ajv2020({ allErrors: true, verbose: true, strict: false }).compile(cardSchema);
    if (!validate(document.value)) findings.push(...explain(validate.errors ?? []).map(place));
  }
  if (findings.length === 0) {
    for (const { pointer, ...finding } of await checkComposed(document.value as Card, drivers)) {
      findings.push({
        ...finding,
        ...place({ ...finding, pointer: pointerInCard(pointer) }),
        value: finding.value,
      });
    }
  }
  findings.sort((a, b) => a.line - b.line || a.column - b.column);
  if (findings.some(({ severity }) => severity === "error")) return { findings };
  return { card: document.value as Card, findings };
}

/** The check looks for the files that the target names, so they are laid beside it. */
async function checkComposed(card: Card, drivers: DriverSource): Promise<Finding[]> {
  const dir = await mkdtemp(join(tmpdir(), "umec-card-"));
  try {
    const files = filesOf(card);
    for (const { path, text } of files) {
      if (text === undefined) continue;
      await mkdir(dirname(join(dir, path)), { recursive: true });
      await writeFile(join(dir, path), text, { mode: 0o600 });
    }
    const target = files.find(({ path }) => path === targetPath)?.text ?? "";
    const { findings } = await checkTarget(target, { path: join(dir, targetPath), drivers });
    return findings;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Where in umec.json a place in the node.yaml that comes of it was told. */
function pointerInCard(pointer: string): string {
  if (pointer === "" || pointer === "/node") return pointer;
  if (pointer.startsWith("/link/hub")) return pointer.replace("/link/hub", "/hub/urls");
  if (pointer === "/link/credentials" || pointer === "/link/ca") return pointer.replace("/link/", "/hub/");
  return `/target${pointer}`;
}

function isSecret(pointer: string): boolean {
  return pointer === "/hub/credentials" || pointer === "/hub/token";
}
