/**
 * The embedded hub's keys on disk: `keys.json`, `creds/<node>.creds` and `fleet.creds`, mode 0600.
 *
 * `keys.json` is `{ "version": 2, "operator", "system", "fleet", "enrol": <seed>, "tokenKey", "nodes": { "<node>": {
 * "account", "signer": <seed> } } }`. `tokenKey` is 32 random bytes as base64url, of which the secret of every token for
 * enrolment comes. Version 1 had neither `enrol` nor `tokenKey`; it gets them when it is opened. A node that is no longer
 * named keeps its entry, so it can come back.
 */
import { createHmac, randomBytes } from "node:crypto";
import { mkdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { KeyPair } from "@nats-io/nkeys";
import { writeDurable } from "../durable-file.ts";
import { messageOf, UmecError } from "../errors.ts";
import { createScopedUser, createUser, formatCredentials } from "../nats/claims.ts";
import { createKey, type KeyKind, keyFromSeed } from "../nats/keys.ts";
import { writePrivateFile } from "../nats/private-file.ts";
import { nameSyntax } from "../subjects.ts";
import { coalesce } from "./coalesce.ts";

export interface NodeKeys {
  account: KeyPair;
  signer: KeyPair;
}

interface KeyFile {
  version: 2;
  operator: string;
  system: string;
  fleet: string;
  enrol: string;
  tokenKey: string;
  nodes: Record<string, { account: string; signer: string }>;
}

export class HubKeys {
  readonly operator: KeyPair;
  readonly system: KeyPair;
  readonly fleet: KeyPair;
  readonly enrol: KeyPair;
  readonly #dir: string;
  readonly #file: KeyFile;
  readonly #nodes = new Map<string, NodeKeys>();
  readonly #save: () => Promise<void>;

  private constructor(dir: string, file: KeyFile) {
    this.#dir = dir;
    this.#file = file;
    this.#save = coalesce(() =>
      writeDurable(join(dir, "keys.json"), `${JSON.stringify(this.#file, null, 2)}\n`),
    );
    this.operator = keyFromSeed(file.operator);
    this.system = keyFromSeed(file.system);
    this.fleet = keyFromSeed(file.fleet);
    this.enrol = keyFromSeed(file.enrol);
    if (Buffer.from(file.tokenKey, "base64url").length !== 32) throw new Error("its tokenKey is no 32 bytes");
    for (const [node, { account, signer }] of Object.entries(file.nodes)) {
      this.#nodes.set(node, { account: keyFromSeed(account), signer: keyFromSeed(signer) });
    }
  }

  /**
   * Reads the keys of `dir`, or makes new ones.
   *
   * @param operator seed of an operator, or of a signing key of one, for new keys; @default a new one
   * @throws UmecError `HUB_KEYS_DAMAGED` rather than replace them, `HUB_KEYS_VERSION` when a later µMEC wrote them
   */
  static async open(dir: string, operator?: string): Promise<HubKeys> {
    await mkdir(join(dir, "creds"), { recursive: true, mode: 0o700 });
    const path = join(dir, "keys.json");
    const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (text === undefined) {
      const [system, fleet] = [newSeed("account"), newSeed("account")];
      const signer = operator ?? newSeed("operator");
      const keys = new HubKeys(dir, {
        ...{ version: 2, operator: signer, system, fleet },
        ...newEnrolment(),
        nodes: {},
      });
      await keys.#save();
      return keys;
    }
    let keys: HubKeys;
    let version: unknown;
    try {
      const file = JSON.parse(text);
      version = file.version;
      if (version !== 1 && version !== 2) throw new Error(`its version is ${JSON.stringify(version)}`);
      keys = new HubKeys(dir, version === 1 ? { ...file, ...newEnrolment(), version: 2 } : file);
    } catch (cause) {
      if (typeof version === "number" && version > 2)
        throw new UmecError("HUB_KEYS_VERSION", `${path} was written by a later µMEC (version ${version})`, {
          hint: "run the hub with that one",
        });
      throw new UmecError("HUB_KEYS_DAMAGED", `${path} can't be read: ${messageOf(cause)}`, {
        cause,
        hint: "restore it from a backup; if you delete it, every node needs new credentials",
      });
    }
    if (version === 1) await keys.#save();
    return keys;
  }

  /** The keys of a node that was admitted. */
  node(node: string): NodeKeys {
    return this.#nodes.get(node)!;
  }

  /** The secret of the token with this id, base64url of 32 bytes: it is on no disk here. */
  tokenSecret(id: string): string {
    const key = Buffer.from(this.#file.tokenKey, "base64url");
    return createHmac("sha256", key).update(`umec token secret\n${id}`).digest("base64url");
  }

  credentialsFile(node: string): string {
    return join(this.#dir, "creds", `${node}.creds`);
  }

  /** Sees to it that each of `nodes` has an account, on disk. @throws UmecError `HUB_NODE_NAME` */
  async admit(nodes: readonly string[]): Promise<void> {
    nodes.forEach(requireNodeName);
    const fresh = nodes.filter((node) => !this.#nodes.has(node));
    for (const node of fresh) {
      this.#set(node, { account: createKey("account"), signer: createKey("account") });
    }
    if (fresh.length > 0) await this.#save();
  }

  /** As {@link admit}, and each has a credentials file. */
  async provideCredentials(nodes: readonly string[]): Promise<void> {
    await this.admit(nodes);
    for (const node of nodes) await this.#provideCredentials(node);
  }

  /**
   * As {@link admit} for a node that comes with keys of its own: credentials that were made for it before are void
   * from the next publishing of its account on, and their file is gone.
   */
  async admitAnew(node: string): Promise<void> {
    const keys = this.#nodes.get(node);
    if (!keys) return this.admit([node]);
    // In this order: a crash between leaves no file with credentials that would be refused.
    await rm(this.credentialsFile(node), { force: true });
    this.#set(node, { account: keys.account, signer: createKey("account") });
    await this.#save();
  }

  #set(node: string, keys: NodeKeys): void {
    this.#nodes.set(node, keys);
    this.#file.nodes[node] = { account: seedOf(keys.account), signer: seedOf(keys.signer) };
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
}

/** @throws UmecError `HUB_NODE_NAME` */
export function requireNodeName(name: string): void {
  if (nameSyntax.test(name)) return;
  throw new UmecError("HUB_NODE_NAME", `${JSON.stringify(name)} is no name for a node`, {
    hint: "use a-z, 0-9 and -, at most 63 characters",
  });
}

function newEnrolment(): { enrol: string; tokenKey: string } {
  return { enrol: newSeed("account"), tokenKey: randomBytes(32).toString("base64url") };
}

function newSeed(kind: KeyKind): string {
  return seedOf(createKey(kind));
}

function seedOf(key: KeyPair): string {
  return Buffer.from(key.getSeed()).toString();
}
