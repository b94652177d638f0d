/** The latest reading of each point, and who wants to hear of new ones: what the API knows of samples. */
import type { Reading } from "./api/types.ts";
import type { Clock } from "./clock.ts";
import { qualityOf, recordValue } from "./senml/quality.ts";
import { reasonLabel, type SenmlRecord } from "./senml/record.ts";

/**
 * Points whose latest reading is kept. The first that come are; those beyond are told to who listens, and not kept. As
 * long as a plugin is there its points are; they are forgotten with it.
 */
export const mostPoints = 4096;
/** A time below is relative to now: RFC 8428 section 4.5.3. */
const firstAbsoluteS = 2 ** 28;

export type ReadingListener = (reading: Reading) => void;

export class NodeReadings {
  readonly #clock: Clock;
  readonly #latest = new Map<string, Map<string, Reading>>();
  /** By plugin, and then by point; `*` is no point, and stands for all of them. */
  readonly #listeners = new Map<string, Map<string, Set<ReadingListener>>>();
  readonly #all = new Set<ReadingListener>();
  #points = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  take(plugin: string, records: readonly SenmlRecord[]): void {
    const listeners = this.#listeners.get(plugin);
    for (const record of records) {
      const reading = this.#readingOf(plugin, record);
      this.#keep(reading);
      for (const listener of this.#all) listener(reading);
      for (const listener of listeners?.get(everyPoint) ?? []) listener(reading);
      for (const listener of listeners?.get(reading.point) ?? []) listener(reading);
    }
  }

  latest(plugin: string, point: string): Reading | undefined {
    return this.#latest.get(plugin)?.get(point);
  }

  seen(plugin: string): readonly string[] {
    return [...(this.#latest.get(plugin)?.keys() ?? [])];
  }

  watch(plugin: string, point: string | undefined, listener: ReadingListener): () => void {
    const key = point ?? everyPoint;
    const points = this.#listeners.get(plugin) ?? new Map<string, Set<ReadingListener>>();
    this.#listeners.set(plugin, points);
    const listeners = points.get(key) ?? new Set();
    points.set(key, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && points.get(key) === listeners) points.delete(key);
      if (points.size === 0 && this.#listeners.get(plugin) === points) this.#listeners.delete(plugin);
    };
  }

  /** Of all plugins. */
  watchAll(listener: ReadingListener): () => void {
    this.#all.add(listener);
    return () => void this.#all.delete(listener);
  }

  /** The plugin is gone. */
  forget(plugin: string): void {
    this.#points -= this.#latest.get(plugin)?.size ?? 0;
    this.#latest.delete(plugin);
  }

  #keep(reading: Reading): void {
    const points = this.#latest.get(reading.plugin) ?? new Map<string, Reading>();
    if (!points.has(reading.point)) {
      if (this.#points >= mostPoints) return;
      this.#points++;
      this.#latest.set(reading.plugin, points);
    }
    points.set(reading.point, reading);
  }

  #readingOf(plugin: string, record: SenmlRecord): Reading {
    const { n: point, u: unit, t = 0, s, [reasonLabel]: reason } = record;
    const known = t >= firstAbsoluteS || this.#clock.known();
    return {
      plugin,
      point,
      value: recordValue(record) ?? s ?? null,
      ...(unit !== undefined && { unit }),
      ...(known && { timeMs: t >= firstAbsoluteS ? t * 1000 : this.#clock.nowMs() + t * 1000 }),
      quality: qualityOf(record),
      ...(reason !== undefined && { reason }),
    };
  }
}

const everyPoint = "*";
