/**
 * The embedded hub's keys on disk: `keys.json`, `creds/<node>.creds` and `fleet.creds`, mode 0600.
 *
 * `keys.json` is `{ "version": 1, "operator", "system", "fleet": <seed>, "nodes": { "<node>": { "account",
 * "signer": <seed> } } }`. A node that is no longer named keeps its entry, so it can come back.
 */
import { mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { KeyPair } from "@nats-io/nkeys";
import { messageOf, UmecError } from "../errors.ts";
import { createScopedUser, createUser, formatCredentials } from "../nats/claims.ts";
import { createKey, type KeyKind, keyFromSeed } from "../nats/keys.ts";
import { writePrivateFile } from "../nats/private-file.ts";
import { nameSyntax } from "../subjects.ts";

export interface NodeKeys {
  account: KeyPair;
  signer: KeyPair;
}

interface KeyFile {
  version: 1;
  operator: string;
  system: string;
  fleet: string;
  nodes: Record<string, { account: string; signer: string }>;
}

export class HubKeys {
  readonly operator: KeyPair;
  readonly system: KeyPair;
  readonly fleet: KeyPair;
  readonly #dir: string;
  readonly #file: KeyFile;
  readonly #nodes = new Map<string, NodeKeys>();

  private constructor(dir: string, file: KeyFile) {
    this.#dir = dir;
    this.#file = file;
    this.operator = keyFromSeed(file.operator);
    this.system = keyFromSeed(file.system);
    this.fleet = keyFromSeed(file.fleet);
    for (const [node, { account, signer }] of Object.entries(file.nodes)) {
      this.#nodes.set(node, { account: keyFromSeed(account), signer: keyFromSeed(signer) });
    }
  }

  /** Reads the keys of `dir`, or makes new ones. @throws UmecError `HUB_KEYS_DAMAGED` rather than replace them. */
  static async open(dir: string): Promise<HubKeys> {
    await mkdir(join(dir, "creds"), { recursive: true, mode: 0o700 });
    const path = join(dir, "keys.json");
    const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (text === undefined) {
      const [operator, system, fleet] = [newSeed("operator"), newSeed("account"), newSeed("account")];
      const keys = new HubKeys(dir, { version: 1, operator, system, fleet, nodes: {} });
      await keys.#save();
      return keys;
    }
    try {
      return new HubKeys(dir, JSON.parse(text));
    } catch (cause) {
      throw new UmecError("HUB_KEYS_DAMAGED", `${path} can't be read: ${messageOf(cause)}`, {
        cause,
        hint: "restore it from a backup; if you delete it, every node needs new credentials",
      });
    }
  }

  /** The keys of a node that was admitted. */
  node(node: string): NodeKeys {
    return this.#nodes.get(node)!;
  }

  credentialsFile(node: string): string {
    return join(this.#dir, "creds", `${node}.creds`);
  }

  /** Sees to it that each of `nodes` has keys and a credentials file. @throws UmecError `HUB_NODE_NAME`. */
  async admit(nodes: readonly string[]): Promise<void> {
    const wrong = nodes.find((node) => !nameSyntax.test(node));
    if (wrong !== undefined) {
      const message = `${JSON.stringify(wrong)} is no name for a node`;
      throw new UmecError("HUB_NODE_NAME", message, { hint: "use a-z, 0-9 and -, at most 63 characters" });
    }
    const fresh = nodes.filter((node) => !this.#nodes.has(node));
    for (const node of fresh) {
      const keys = { account: createKey("account"), signer: createKey("account") };
      this.#nodes.set(node, keys);
      this.#file.nodes[node] = { account: seedOf(keys.account), signer: seedOf(keys.signer) };
    }
    if (fresh.length > 0) await this.#save();
    for (const node of nodes) await this.#provideCredentials(node);
  }

  async #provideCredentials(node: string): Promise<void> {
    const path = this.credentialsFile(node);
    const exists = await stat(path).catch(() => undefined);
    if (exists) return;
    const { account, signer } = this.node(node);
    await writePrivateFile(path, formatCredentials(await createScopedUser(account, signer, node)));
  }

  /** The credentials file of a user who may do all in the fleet's account. */
  async provideFleetCredentials(): Promise<string> {
    const path = join(this.#dir, "fleet.creds");
    const exists = await stat(path).catch(() => undefined);
    if (!exists) {
      const user = await createUser(this.fleet, "fleet", { allowed_connection_types: ["STANDARD"] });
      await writePrivateFile(path, formatCredentials(user));
    }
    return path;
  }

  #save(): Promise<void> {
    return writePrivateFile(join(this.#dir, "keys.json"), `${JSON.stringify(this.#file, null, 2)}\n`);
  }
}

function newSeed(kind: KeyKind): string {
  return seedOf(createKey(kind));
}

function seedOf(key: KeyPair): string {
  return Buffer.from(key.getSeed()).toString();
}
