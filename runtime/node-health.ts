/**
 * The node's health (update/gate/health.ts) in the composition: it hears of what happens, and where the service manager gives
 * a runtime directory, as in the image, it keeps health.json there.
 */
import { join } from "node:path";
import { monotonicMs } from "./boot.ts";
import { messageOf } from "./errors.ts";
import type { Log } from "./log.ts";
import type { Outbox } from "./outbox/outbox.ts";
import type { SampleWatch } from "./outbox/types.ts";
import { qualityOf } from "./senml/quality.ts";
import type { SenmlRecord } from "./senml/record.ts";
import type { Target } from "./target/types.ts";
import { type Health, HealthBook } from "./update/gate/health.ts";
import { HealthWriter, healthName } from "./update/gate/health-file.ts";

export interface NodeHealthOptions {
  /** @default there is none, and no file is written */
  runtimeDirectory?: string | undefined;
  version: string;
  log: Log;
}

export class NodeHealth {
  readonly #book: HealthBook;
  readonly #writer: HealthWriter | undefined;
  readonly #version: string;
  #told = "";
  #stopped = false;
  #listening = (): void => {};

  constructor({ runtimeDirectory, version, log }: NodeHealthOptions) {
    this.#version = version;
    if (runtimeDirectory)
      this.#writer = new HealthWriter(join(runtimeDirectory, healthName), (error) =>
        log.warn(`what the node says of its health can't be written: ${messageOf(error)}`),
      );
    this.#book = new HealthBook(() => this.#tell());
  }

  /** What must come up: required plugins, and the hub where there is one; and in what time. */
  setTarget({ plugins, link, gate }: Pick<Target, "plugins" | "link" | "gate">): void {
    this.#book.setRules({
      required: plugins.filter(({ required }) => required).map(({ name }) => name),
      hub: link !== undefined && !gate.offline,
      deadlineS: gate.deadlineS,
    });
  }

  /** The outbox is open. From then on a round trip to the hub is one that took something out of it. */
  opened(outbox: Pick<Outbox, "onErased">, hasSent: () => boolean): void {
    this.#book.opened();
    if (this.#book.answered) return;
    this.#listening();
    this.#listening = outbox.onErased(() => {
      if (!hasSent()) return;
      this.#listening();
      this.#book.hubAnswered();
    });
  }

  setReached(reached: boolean, failures: readonly string[] = []): void {
    this.#book.setReached(reached, failures);
  }

  /** Sees the plugin's first sample that is not bad, and lets `watch` see what it wants. */
  watch(plugin: string, watch: SampleWatch): SampleWatch {
    const book = this.#book;
    return {
      wants: (point) => !book.hasSampled(plugin) || watch.wants(point),
      accepted(records) {
        if (!book.hasSampled(plugin) && records.some(isSample)) book.sampled(plugin);
        const wanted = records.filter(({ n }) => watch.wants(n));
        if (wanted.length > 0) watch.accepted(wanted);
      },
    };
  }

  status(): Health {
    return this.#book.health();
  }

  /** The file goes too: nobody says any more how the node is. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#listening();
    await this.#writer?.stop();
  }

  #tell(): void {
    if (!this.#writer || this.#stopped) return;
    const health = this.#book.health();
    const { deadlineS } = this.#book.rules;
    const text = JSON.stringify([health, deadlineS]);
    if (text === this.#told) return;
    this.#told = text;
    this.#writer.write({
      ...health,
      sinceS: Math.floor(monotonicMs() / 1000),
      deadlineS,
      version: this.#version,
    });
  }
}

/** One that is bad says that there is none; so does a device's point `online` when it is false. */
function isSample(record: SenmlRecord): boolean {
  if (qualityOf(record) === "bad") return false;
  return !(record.vb === false && /(^|\/)online$/.test(record.n));
}
