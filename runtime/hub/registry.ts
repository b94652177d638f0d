/**
 * The hub's registry of nodes and tokens.
 *
 * - **Memory first, then the disk, then the world**: a change is made here at once and without waiting, so two that
 *   compete see each other. Nothing may be told outside, no account published and no question answered, before `save` has
 *   resolved. Changes that come together share one writing.
 * - **A crash at any point** leaves the file of before or of after. What was answered is in it; what is in it without having
 *   been answered is answered again when the node asks again.
 * - When a writing fails the change stays in memory and nobody was told; the next `save` writes it.
 * - **It is bounded**: a token is forgotten 30 days after it expired, spent or not, together with its credentials, which end
 *   then (`tokens.ts`); a revocation when the claims it was against have ended.
 */
import { join } from "node:path";
import { writeDurable } from "../durable-file.ts";
import type { PublicKeys } from "../identity/types.ts";
import { coalesce } from "./coalesce.ts";
import { type IssuedToken, type RegisteredNode, type RegistryFile, readRegistry } from "./registry-file.ts";

/** How long a token is remembered after it has expired, in milliseconds. */
export const tokenMemoryMs = 30 * 86_400_000;

export class Registry {
  readonly #nodes: Map<string, RegisteredNode>;
  readonly #tokens: Map<string, IssuedToken>;
  readonly #now: () => number;
  readonly #write: () => Promise<void>;
  #changes = 0;
  #written = 0;

  private constructor(path: string, file: RegistryFile, now: () => number) {
    this.#nodes = new Map(Object.entries(file.nodes));
    this.#tokens = new Map(Object.entries(file.tokens));
    this.#now = now;
    this.#write = coalesce(async () => {
      const changes = this.#changes;
      await writeDurable(path, this.#text());
      this.#written = changes;
    });
  }

  /** @throws UmecError as {@link readRegistry} */
  static async open(dir: string, options: { now?: () => number } = {}): Promise<Registry> {
    const path = join(dir, "registry.json");
    const file = await readRegistry(path);
    return new Registry(path, file ?? { version: 1, nodes: {}, tokens: {} }, options.now ?? Date.now);
  }

  get nodes(): ReadonlyMap<string, Readonly<RegisteredNode>> {
    return this.#nodes;
  }

  get tokens(): ReadonlyMap<string, Readonly<IssuedToken>> {
    return this.#tokens;
  }

  /** The other node that has one of these keys now. */
  nodeOf(keys: PublicKeys, besides: string): string | undefined {
    for (const [name, { keys: its, state }] of this.#nodes) {
      if (name === besides || state === "revoked") continue;
      if (its.link === keys.link || its.sign === keys.sign || its.seal === keys.seal) return name;
    }
    return undefined;
  }

  setNode(name: string, node: RegisteredNode): void {
    this.#nodes.set(name, node);
    this.#changes++;
  }

  setToken(id: string, token: IssuedToken): void {
    this.#tokens.set(id, token);
    this.#changes++;
  }

  /** What a node's tokens were that nobody has used. */
  dropUnspent(node: string): number {
    const unspent = [...this.#tokens].filter(([, token]) => token.node === node && !token.spent);
    for (const [id] of unspent) this.#tokens.delete(id);
    this.#changes++;
    return unspent.length;
  }

  /** Resolves when all changes up to now are on disk. */
  async save(): Promise<void> {
    if (this.#written === this.#changes) return;
    await this.#write();
  }

  #text(): string {
    const now = this.#now();
    for (const [id, { expiresAtMs }] of this.#tokens) {
      if (expiresAtMs + tokenMemoryMs < now) this.#tokens.delete(id);
    }
    for (const { revocations } of this.#nodes.values()) {
      for (const [key, { untilMs }] of Object.entries(revocations)) {
        if (untilMs < now) delete revocations[key];
      }
    }
    const nodes = Object.fromEntries(this.#nodes);
    const tokens = Object.fromEntries(this.#tokens);
    return `${JSON.stringify({ version: 1, nodes, tokens } satisfies RegistryFile)}\n`;
  }
}

export function sameKeys(a: PublicKeys, b: PublicKeys): boolean {
  return a.link === b.link && a.sign === b.sign && a.seal === b.seal;
}
