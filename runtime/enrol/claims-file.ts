/**
 * What the hub has signed for this node, `<data>/keys/hub.json`: JSON, for its owner alone though none of it is secret.
 *
 * `{ "version": 1, "node", "link", "jwt", "renewAtMs", "expiresAtMs", "timeMs", "token"?, "pending"? }`. `link` is the public
 * key that the claims are of, `timeMs` the hub's time when it signed them, `token` the id of the token that was shown for
 * them. `pending` is there as long as the rest of that answer is not done: `{ "hub"?, "target"? }` as answered, which go into
 * the target file; then the token is removed, and `pending` with it. So one writing decides whether the node has enrolled,
 * and all that follows is done again after a crash, to the same effect.
 *
 * Claims are of one name and one key. Those of another name, as after a new card, or of other keys are not taken; they lie
 * there until others come. A file that can't be read counts as none: the hub signs again for whoever shows a token.
 */
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { makePrivateDirectory, writeDurable } from "../durable-file.ts";
import type { EnrolAnswer } from "../enrol-wire.ts";
import { claimsPath } from "./types.ts";

export interface StoredClaims {
  version: 1;
  node: string;
  link: string;
  jwt: string;
  renewAtMs: number;
  expiresAtMs: number;
  timeMs: number;
  token?: string;
  pending?: Pick<EnrolAnswer, "hub" | "target">;
}

/** The claims of this node with these keys; `undefined` when there are none that can be used. */
export async function readClaims(
  dataPath: string,
  of: { node: string; link: string },
): Promise<StoredClaims | undefined> {
  try {
    const claims: StoredClaims = JSON.parse(await readFile(claimsPath(dataPath), "utf8"));
    const { version, node, link, jwt, renewAtMs, expiresAtMs } = claims;
    const whole = typeof jwt === "string" && Number.isFinite(renewAtMs) && Number.isFinite(expiresAtMs);
    return version === 1 && whole && node === of.node && link === of.link ? claims : undefined;
  } catch {
    return undefined;
  }
}

/** On disk when the promise resolves. */
export async function writeClaims(dataPath: string, claims: StoredClaims): Promise<void> {
  const path = claimsPath(dataPath);
  await makePrivateDirectory(dirname(path));
  await writeDurable(path, `${JSON.stringify(claims)}\n`);
}
