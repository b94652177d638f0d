/**
 * The play: the node samples, the link is cut and mended, and in the end everything is counted.
 *
 * The end goes so: the link is mended; the devices fall silent, so that what the drivers emitted is a fixed
 * number; the plugins are taken out of the node's file; the outbox empties itself; only then is the hub's stream
 * read. What still waits after `emptyMs` is not at the hub, and counts as lost.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { UmecError } from "../errors.ts";
import { auditNode } from "../hub/audit.ts";
import type { NodeStatus } from "../status.ts";
import { Gauge } from "./gauge.ts";
import { followHub } from "./hub-feed.ts";
import { nodeName } from "./node-file.ts";
import type { Scene } from "./scene.ts";
import { expectedRows, type Sum, tally } from "./tally.ts";
import { cutsOf } from "./timeline.ts";
import type { Act, Live } from "./view.ts";
import { waitFor } from "./wait-for.ts";
import { Watch } from "./watch.ts";

export interface PlayOptions {
  /** @default until `over` */
  totalMs: number | undefined;
  /** Ends the play early: it is counted all the same. */
  over: AbortSignal;
  onLive(live: Live): void;
}

const lookMs = 250;
/** Longest time until the first sample is at the hub. */
const firstSampleMs = 15_000;
/** Longest time until the outbox is empty. */
const emptyMs = 15_000;
/** Longest time for what is under way in the node when the devices fall silent. */
/** Of the weather station, and a little. */
const slowestPollMs = 1_300;
const settleMs = 3_000;

export async function play(scene: Scene, { totalMs, over, onLive }: PlayOptions): Promise<Sum> {
  const director = new Director(scene, totalMs, onLive);
  await using _feed = await followHub(scene.fleet, nodeName, (takenMs) =>
    director.watch.arrived(takenMs, Date.now()),
  );
  await scene.setPlugins(true);
  await director.firstSample(over);
  const looking = setInterval(() => director.look(), lookMs);
  try {
    await director.perform(over);
    return await director.count();
  } finally {
    clearInterval(looking);
  }
}

class Director {
  readonly watch = new Watch();
  readonly #scene: Scene;
  readonly #totalMs: number | undefined;
  readonly #onLive: (live: Live) => void;
  readonly #gauge = new Gauge();
  #startMs = 0;
  #act: Act = "calm";
  #nextActMs: number | undefined;
  #mendedMs = 0;
  #looking = false;
  #counting = false;

  constructor(scene: Scene, totalMs: number | undefined, onLive: (live: Live) => void) {
    this.#scene = scene;
    this.#totalMs = totalMs;
    this.#onLive = onLive;
  }

  /** Resolves when each plugin has stored samples and some of them are at the hub. */
  async firstSample(over: AbortSignal): Promise<void> {
    let status: NodeStatus | undefined;
    const flows = async () => {
      status = await this.#scene.status();
      const { plugins } = status;
      return this.watch.samples > 0 && plugins.length > 0 && plugins.every(({ stored }) => stored > 0);
    };
    if (await waitFor(flows, { withinMs: firstSampleMs, signal: over })) return;
    const reasons = status?.plugins.flatMap(({ name, stored, lastError }) =>
      stored === 0 ? [`${name}: ${lastError?.message ?? "no sample"}`] : [],
    );
    const why = [...(status?.target.failures ?? []), ...(reasons ?? [])].join("; ");
    throw new UmecError("DEMO_NO_SAMPLES", `no samples within ${firstSampleMs} ms: ${why}`);
  }

  /** Cuts and mends the link until the time is over. */
  async perform(over: AbortSignal): Promise<void> {
    this.#startMs = performance.now();
    for (const cut of cutsOf(this.#totalMs)) {
      await this.#until(cut.fromMs, over);
      if (over.aborted) return;
      this.#scene.network.cut();
      this.watch.cut(Date.now());
      this.#act = "cut";
      await this.#until(cut.toMs, over);
      this.#mend();
    }
    await this.#until(this.#totalMs ?? Number.POSITIVE_INFINITY, over);
  }

  async count(): Promise<Sum> {
    const { devices, fleet } = this.#scene;
    this.#counting = true;
    devices.fallSilent();
    if (!this.watch.inOutage) this.#act = "ending";
    await this.#settled();
    await this.#scene.setPlugins(false);
    // A plugin that has left the status has stopped: what it and the outbox count now is final.
    let status: NodeStatus | undefined;
    await waitFor(
      async () => {
        status = await this.#status();
        return status.plugins.length === 0 && status.outbox.waitingRows === 0;
      },
      { withinMs: emptyMs },
    );
    const { outbox, formerPlugins: plugins } = status ?? (await this.#status());
    this.watch.returned(Date.now());
    const audit = await auditNode(fleet, { node: nodeName, expected: expectedRows(outbox) });
    // What is stored is known; the reader beside it needs a moment more for its latencies.
    await waitFor(async () => this.watch.samples >= audit.totals.samples, { withinMs: settleMs });
    const { outages, outageMs } = this.watch;
    return tally({ plugins, audit, latencyMs: this.watch.latencies(), outages, outageMs });
  }

  /** One look at a time: a slow answer must not pile up others. */
  look(): void {
    if (this.#looking) return;
    this.#looking = true;
    this.#status()
      .catch(() => undefined)
      .finally(() => {
        this.#looking = false;
      });
  }

  async #status(): Promise<NodeStatus> {
    const status = await this.#scene.status();
    const { link, outbox } = status;
    if (this.#act === "returning" && link.state === "up" && link.sinceMs >= this.#mendedMs) {
      this.watch.returned(link.sinceMs);
      this.#act = "draining";
    } else if (this.#act === "draining" && outbox.waitingRows === 0) {
      this.#act = this.#counting ? "ending" : "calm";
    }
    const latencyMs = this.watch.recentMs();
    this.#gauge.add({ status, arrived: this.watch.samples, latencyMs, atMs: Date.now() });
    const elapsedMs = performance.now() - this.#startMs;
    const nextActMs = this.#nextActMs === undefined ? undefined : this.#nextActMs - elapsedMs;
    this.#onLive(this.#gauge.live(this.#act, { elapsedMs, totalMs: this.#totalMs, nextActMs }));
    return status;
  }

  /**
   * Waits until the drivers emit nothing more, and the node has taken or refused all of it: longer than the
   * slowest poll, which has one last thing to say, that its device gives no values.
   */
  async #settled(): Promise<void> {
    let before = "";
    let stillSinceMs = performance.now();
    await waitFor(
      async () => {
        const { plugins } = await this.#status();
        const now = JSON.stringify(plugins.map(({ emitted, stored, refused }) => [emitted, stored, refused]));
        if (now !== before) stillSinceMs = performance.now();
        before = now;
        const taken = plugins.every(({ emitted, stored, refused }) => emitted === stored + refused);
        return taken && performance.now() - stillSinceMs > slowestPollMs;
      },
      { withinMs: settleMs, everyMs: 150 },
    );
  }

  #mend(): void {
    this.#mendedMs = Date.now();
    this.#scene.network.restore();
    this.#act = "returning";
  }

  async #until(ms: number, over: AbortSignal): Promise<void> {
    if (over.aborted) return;
    const waitMs = ms - (performance.now() - this.#startMs);
    this.#nextActMs = ms;
    // Longer than this a timer does not wait.
    await sleep(Math.min(Math.max(0, waitMs), 2 ** 31 - 1), undefined, { signal: over }).catch(
      () => undefined,
    );
    this.#nextActMs = undefined;
  }
}
