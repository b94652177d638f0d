/** Turns one look at the node after the other into what is shown: rates, histories, units. */
import type { NodeStatus } from "../status.ts";
import { pointsOf } from "./node-file.ts";
import type { Act, Live, ShownPlugin } from "./view.ts";

export interface Look {
  status: NodeStatus;
  /** Samples that a reader at the hub has. */
  arrived: number;
  latencyMs: number | undefined;
  /** Unix time. */
  atMs: number;
}

const keptHistory = 120;
/** Rates are those of about two seconds. */
const rateLooks = 8;

export class Gauge {
  readonly #looks: Look[] = [];
  readonly #waiting: number[] = [];
  /** As they were last; in the end there are none any more, and they are still what it was about. */
  readonly #plugins = new Map<string, NodeStatus["plugins"][number]>();

  add(look: Look): void {
    this.#looks.push(look);
    if (this.#looks.length > rateLooks + 1) this.#looks.shift();
    for (const plugin of look.status.plugins) this.#plugins.set(plugin.name, plugin);
    this.#waiting.push(look.status.outbox.waitingSamples);
    if (this.#waiting.length > keptHistory) this.#waiting.shift();
  }

  /** Needs one look at least. */
  live(act: Act, time: Pick<Live, "elapsedMs" | "totalMs" | "nextActMs">): Live {
    const now = this.#looks.at(-1)!;
    const { link, outbox } = now.status;
    return {
      ...time,
      act,
      plugins: [...this.#plugins.values()].map((plugin) => this.#shown(plugin)),
      link: link.state,
      linkMs: now.atMs - link.sinceMs,
      waiting: outbox.waitingSamples,
      waitingHistory: this.#waiting,
      stored: now.arrived,
      storedPerS: this.#perS(({ arrived }) => arrived),
      latencyMs: now.latencyMs,
    };
  }

  #shown({ name, driver, state, lastValues }: NodeStatus["plugins"][number]): ShownPlugin {
    const values = pointsOf(name).flatMap(({ path, label, unit, digits }) => {
      const value = lastValues[path];
      return value === undefined || value === null ? [] : [{ name: label, value, unit, digits }];
    });
    const storedOf = ({ status }: Look) => status.plugins.find((plugin) => plugin.name === name)?.stored ?? 0;
    return { name, driver, state, perS: this.#perS(storedOf), values };
  }

  #perS(count: (look: Look) => number): number {
    const [first, last] = [this.#looks[0]!, this.#looks.at(-1)!];
    const ms = last.atMs - first.atMs;
    return ms <= 0 ? 0 : (Math.max(0, count(last) - count(first)) * 1000) / ms;
  }
}
