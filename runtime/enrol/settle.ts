/**
 * What is left to do once the claims of a fresh enrolment are on disk: the hub's address and target state go into the target
 * file, and the token is removed. Each step is whole or not done, and doing one again changes nothing; that the rest is
 * pending is forgotten last.
 *
 * A key that the hub tells takes the place of the file's (`null`: it goes), but of `link` only settings: where the hub is, and by which CA it
 * is known, stays as the file says, if it says it. `node` and `data` are not the hub's to say. A target state with errors is
 * left out as a whole, and told in the log: the node keeps what it has, as with any other file that has errors.
 */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseDocument } from "yaml";
import { writeDurable } from "../durable-file.ts";
import { type EnrolAnswer, parseToken } from "../enrol-wire.ts";
import { UmecError } from "../errors.ts";
import type { Log } from "../log.ts";
import { type StoredClaims, writeClaims } from "./claims-file.ts";
import { readTokenText, removeToken } from "./token-file.ts";
import { tokenPath } from "./types.ts";

/** What is wrong with the text of a target file, a line each; nothing when nothing is. */
export type CheckText = (text: string) => Promise<string[]>;

export interface SettleOptions {
  dataPath: string;
  targetPath: string;
  check: CheckText;
  log: Log;
  /** @default the file's removal */
  removeToken?: () => Promise<void>;
}

const caName = "hub-ca.pem";

/** Does what is pending; gives the claims without it. */
export async function settle(claims: StoredClaims, options: SettleOptions): Promise<StoredClaims> {
  const { pending, ...settled } = claims;
  if (!pending) return claims;
  const { dataPath, targetPath, check, log } = options;
  if (pending.target || pending.hub) {
    const before = await readFile(targetPath, "utf8");
    const dir = dirname(targetPath);
    const { text, ca } = mergeTarget(before, pending);
    // First the file that the other one names.
    if (ca !== undefined) await writeDurable(join(dir, caName), ca);
    if (text !== before) {
      const problems = await check(text);
      if (problems.length === 0) await writeDurable(targetPath, text);
      else {
        log.error("the target state that the hub gave has errors: it is left out", {
          code: "ENROL_TARGET_INVALID",
          hint: "correct it at the hub, and enrol the node again with a new token",
        });
        for (const problem of problems) log.error(problem);
      }
    }
  }
  const path = tokenPath(targetPath);
  // Another one has come meanwhile: that is not done with.
  if (tokenIdOf(await readTokenText(path)) === claims.token)
    await (options.removeToken ?? (() => removeToken(path)))();
  await writeClaims(dataPath, settled);
  return settled;
}

/** The target file's text with what the hub told, and the text of its CA when that is to lie beside it. */
export function mergeTarget(
  before: string,
  { hub, target = {} }: Pick<EnrolAnswer, "hub" | "target">,
): { text: string; ca?: string } {
  const document = parseDocument(before);
  if (document.errors.length > 0)
    throw new UmecError("ENROL_TARGET_UNREADABLE", "the node's target file can't be read just now", {
      hint: "`umec check` shows what is wrong",
    });
  const { node: _, data: __, link, ...keys } = target;
  const put = (path: string[], value: unknown): void => {
    if (value === null) document.deleteIn(path);
    else document.setIn(path, document.createNode(value));
  };
  for (const [key, value] of Object.entries(keys)) put([key], value);
  const linked = document.hasIn(["link", "hub"]);
  const told = !linked && hub?.urls !== undefined && hub.urls.length > 0;
  if (linked || told) {
    const fixed = new Set(["hub", "credentials", "ca"]);
    for (const [key, value] of Object.entries((link ?? {}) as Record<string, unknown>))
      if (!fixed.has(key)) put(["link", key], value);
  }
  if (told) {
    document.setIn(["link", "hub"], document.createNode(hub.urls));
    if (hub.ca !== undefined) document.setIn(["link", "ca"], `./${caName}`);
  }
  return { text: document.toString(), ...(told && hub.ca !== undefined && { ca: hub.ca }) };
}

function tokenIdOf(text: string | undefined): string | undefined {
  try {
    return text === undefined ? undefined : parseToken(text).id;
  } catch {
    return undefined;
  }
}
