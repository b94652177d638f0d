import { stringify } from "yaml";
import type { Found } from "../plugin/contract.ts";

type Options = Record<string, unknown>;

interface Proposed {
  driver: string;
  options: Options;
}

/** Plugins for all that was found, as they stand in a target file. */
export class Fragment {
  readonly #plugins = new Map<string, Proposed>();

  /** Things that a driver proposes under one name become one plugin, unless their options contradict each other. */
  add(driver: string, { plugin }: Found): void {
    if (!plugin) return;
    for (let n = 1; ; n++) {
      const name = n === 1 ? plugin.name : `${plugin.name}-${n}`;
      const before = this.#plugins.get(name);
      const options = before ? merged(before.options, plugin.options) : structuredClone(plugin.options);
      if ((before && before.driver !== driver) || !options) continue;
      this.#plugins.set(name, { driver, options });
      return;
    }
  }

  /** By their names. */
  get plugins(): Readonly<Record<string, Proposed>> {
    return Object.fromEntries(this.#plugins);
  }

  /** As YAML, for below the node's name; empty when nothing has a plugin. */
  toYaml(): string {
    return this.#plugins.size === 0 ? "" : stringify({ plugins: this.plugins }, { lineWidth: 100 });
  }
}

/** Both in one, or `undefined` where they say different things. */
function merged(a: Options, b: Options): Options | undefined {
  const result = structuredClone(a);
  for (const [key, value] of Object.entries(b)) {
    const before = result[key];
    if (before === undefined) result[key] = structuredClone(value);
    else if (isPlain(before) && isPlain(value)) {
      const both = merged(before, value);
      if (!both) return undefined;
      result[key] = both;
    } else if (JSON.stringify(before) !== JSON.stringify(value)) return undefined;
  }
  return result;
}

function isPlain(value: unknown): value is Options {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
