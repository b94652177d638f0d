/**
 * What the hub remembers of its nodes and tokens, as `registry.json` in its directory (mode 0600). It holds no secret: public
 * keys, times, and of a token what it is for. Its secret comes of its id and the hub's token key (`server-keys.ts`).
 *
 * `{ "version": 1, "nodes": { "<node>": RegisteredNode }, "tokens": { "<id>": IssuedToken } }`
 */
import { readFile } from "node:fs/promises";
import { messageOf, UmecError } from "../errors.ts";
import type { PublicKeys } from "../identity/types.ts";

export interface RegisteredNode {
  state: "enrolled" | "revoked";
  keys: PublicKeys;
  /** 1 for the first hardware of this name, one more for each that replaced it. */
  generation: number;
  enrolledAtMs: number;
  /** When the claims were signed that the node has now, and when they end. */
  renewedAtMs: number;
  expiresAtMs: number;
  revokedAtMs?: number;
  /** A token that is issued now may take the name for other hardware. */
  replaceable?: true;
  former: { keys: PublicKeys; untilMs: number }[];
  /** By link key: claims signed up to the second `atS` are void. Kept until they would have ended anyway. */
  revocations: Record<string, { atS: number; untilMs: number }>;
  hardware?: { model?: string; serial?: string };
  umec?: string;
}

export interface IssuedToken {
  node: string;
  issuedAtMs: number;
  expiresAtMs: number;
  /** The generation of the node that it may take the name from; left out: of none. */
  replaces?: number;
  /** What the answer says besides. */
  hub?: { urls?: string[]; ca?: string };
  /** The target state to begin with, by its name in `target-store.ts`. */
  target?: string;
  spent?: { by: PublicKeys; atMs: number };
}

export interface RegistryFile {
  version: 1;
  nodes: Record<string, RegisteredNode>;
  tokens: Record<string, IssuedToken>;
}

/**
 * `undefined` when there is none.
 *
 * @throws UmecError `HUB_REGISTRY_DAMAGED` rather than forget who is enrolled, `HUB_REGISTRY_VERSION` when a later µMEC wrote it
 */
export async function readRegistry(path: string): Promise<RegistryFile | undefined> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  let file: Partial<RegistryFile>;
  try {
    file = JSON.parse(text);
    if (typeof file.version !== "number") throw new Error("it has no version");
    if (file.version === 1 && !(isObject(file.nodes) && isObject(file.tokens)))
      throw new Error("it has no nodes or no tokens");
  } catch (cause) {
    throw new UmecError("HUB_REGISTRY_DAMAGED", `${path} can't be read: ${messageOf(cause)}`, {
      cause,
      hint: "restore it from a backup; if you delete it, every node that has enrolled must enrol again",
    });
  }
  if (file.version !== 1) {
    throw new UmecError(
      "HUB_REGISTRY_VERSION",
      `${path} was written by a later µMEC (version ${file.version})`,
      { hint: "run the hub with that one" },
    );
  }
  return file as RegistryFile;
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
