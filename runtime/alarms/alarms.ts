/**
 * The node's alarms: judged here, on every sample that the outbox has taken, whoever has sent it, link or no link.
 *
 * What is told, as a row of the plugin `alarms` in the lane alarm, so that it is on disk like any other and is the
 * last to go when the disk is full:
 *
 * | record | says |
 * |---|---|
 * | `<name>` | `true`: raised; `false`: cleared |
 * | `<name>/value` | the sample that decided it, with unit, quality and reason; left out for data, and without one |
 * | `<name>/severity` | `info`, `warning` or `critical` |
 *
 * Over a restart. First the row is on disk, then the file that says which alarms are raised. So after a restart
 * none is raised again that was told, and each that is over is cleared; a crash between the two writes has the alarm
 * told twice, and never not at all. An alarm that is taken out of the target state while it is raised is cleared.
 *
 * On the bus. Each change is told there too, once it is on disk, with the same records (`onTold`): who listens sees
 * alarms as they happen, and nobody's listening is waited for.
 *
 * Bounds: `maxQueued` changes wait for the disk; beyond them the oldest goes, and the log says so. A row that can't
 * be stored is tried again after 1 s, 2 s and so on up to 60 s.
 */
import { setTimeout as delay } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../clock.ts";
import { messageOf } from "../errors.ts";
import type { Log } from "../log.ts";
import type { NewRow, SampleWatch } from "../outbox/types.ts";
import { encodeRecord } from "../senml/cbor.ts";
import { qualityOf, recordValue } from "../senml/quality.ts";
import { qualityLabel, reasonLabel, type SenmlRecord } from "../senml/record.ts";
import { Alarm, type Observed } from "./alarm.ts";
import { AlarmStateFile } from "./state-file.ts";
import { type AlarmStatus, type AlarmTarget, alarmsPlugin, type Severity } from "./types.ts";

export interface AlarmsOptions {
  /** Of the file that outlives a restart. Its directory is there. */
  path: string;
  outbox: { append(row: NewRow): Promise<unknown> };
  clock: Clock;
  log: Log;
  /** Changes that may wait for the disk. @default 1000 */
  maxQueued?: number;
  /** Told of each change once it is on disk: the alarm's name, and the records with their time. @default nobody */
  onTold?: (name: string, records: readonly SenmlRecord[]) => void;
}

interface Change {
  name: string;
  /** Left out for an alarm that nobody watches for any more. */
  severity: Severity | undefined;
  active: boolean;
  sample: Observed | undefined;
  monotonicMs: number;
}

export class Alarms {
  readonly #options: Required<AlarmsOptions>;
  readonly #file: AlarmStateFile;
  readonly #alarms = new Map<string, Alarm>();
  /** By plugin and point. */
  readonly #watched = new Map<string, Map<string, Alarm[]>>();
  /** Those of the file that no target has named yet. */
  readonly #restored: Set<string>;
  /** Told as raised. */
  readonly #told: Set<string>;
  readonly #stopped = new AbortController();
  #queue: Change[] = [];
  #telling: Promise<void> | undefined;

  static async open(options: AlarmsOptions): Promise<Alarms> {
    const file = new AlarmStateFile(options.path, options.log);
    return new Alarms(options, file, await file.read());
  }

  private constructor(options: AlarmsOptions, file: AlarmStateFile, raised: readonly string[]) {
    this.#options = { maxQueued: 1000, onTold: () => {}, ...options };
    this.#file = file;
    this.#restored = new Set(raised);
    this.#told = new Set(raised);
  }

  /** Watches for these alarms from now on, and for no others. */
  set(targets: readonly AlarmTarget[]): void {
    const wanted = new Map(targets.map((target) => [target.name, target]));
    for (const [name, alarm] of this.#alarms) {
      if (isDeepStrictEqual(wanted.get(name), alarm.target)) continue;
      alarm.stop();
      this.#alarms.delete(name);
      if (alarm.active) this.#restored.add(name);
    }
    for (const name of this.#restored) if (!wanted.has(name)) this.#forget(name);
    for (const target of targets) {
      if (this.#alarms.has(target.name)) continue;
      const raised = this.#restored.delete(target.name);
      const { name, severity } = target;
      const onChange = (active: boolean, sample: Observed): void =>
        this.#changed(name, severity, active, sample);
      const alarm = new Alarm({ target, raised, nowMs: () => this.#options.clock.nowMs(), onChange });
      this.#alarms.set(name, alarm);
    }
    this.#watched.clear();
    for (const alarm of this.#alarms.values()) {
      const { plugin, point } = alarm.target;
      const points = this.#watched.get(plugin) ?? new Map<string, Alarm[]>();
      this.#watched.set(plugin, points.set(point, [...(points.get(point) ?? []), alarm]));
    }
  }

  /** What the plugin's way into the outbox is to tell. */
  watch(plugin: string): SampleWatch {
    return {
      wants: (name) => this.#watched.get(plugin)?.has(name) ?? false,
      accepted: (records) => {
        for (const record of records) {
          for (const alarm of this.#watched.get(plugin)?.get(record.n) ?? []) alarm.take(observed(record));
        }
      },
    };
  }

  /** Raised ones first. */
  status(): AlarmStatus[] {
    const all = [...this.#alarms.values()];
    const order = (alarm: Alarm): number => (alarm.active ? 0 : 1);
    return all.sort((a, b) => order(a) - order(b)).map((alarm) => alarm.status());
  }

  /** Ends all timers; resolves when what was raised or cleared is on disk, or can't be stored now. */
  async stop(): Promise<void> {
    for (const alarm of this.#alarms.values()) alarm.stop();
    this.#stopped.abort();
    await this.#telling;
  }

  #forget(name: string): void {
    this.#restored.delete(name);
    this.#changed(name, undefined, false, undefined);
  }

  #changed(
    name: string,
    severity: Severity | undefined,
    active: boolean,
    sample: Observed | undefined,
  ): void {
    const { log, clock, maxQueued } = this.#options;
    const value = sample?.value;
    const shown = value instanceof Uint8Array || value === undefined ? "" : `: ${JSON.stringify(value)}`;
    const text = `alarm ${name} ${active ? "raised" : "cleared"}${shown}`;
    if (active) log.warn(text, { severity });
    else log.info(text, { severity });
    this.#queue.push({ name, severity, active, sample, monotonicMs: clock.monotonicMs() });
    if (this.#queue.length > maxQueued) {
      const lost = this.#queue.shift()!;
      log.error(`a change of the alarm ${lost.name} is lost: ${maxQueued} wait for the disk`);
    }
    this.#telling ??= this.#tell().finally(() => {
      this.#telling = undefined;
    });
  }

  #publish({ name, monotonicMs }: Change, records: readonly SenmlRecord[]): void {
    const { clock, onTold, log } = this.#options;
    const agoS = (clock.monotonicMs() - monotonicMs) / 1000;
    // Unix time where it is known; else relative to now, RFC 8428 section 4.5.3.
    const t = clock.known() ? clock.nowMs() / 1000 - agoS : -agoS;
    try {
      onTold(
        name,
        records.map((record) => ({ ...record, t })),
      );
    } catch (error) {
      log.debug(`the alarm ${name} is not seen on the bus: ${messageOf(error)}`);
    }
  }

  /** Never rejects. */
  async #tell(): Promise<void> {
    const { outbox, log } = this.#options;
    let pauseMs = 1_000;
    let written = true;
    while (this.#queue.length > 0 || !written) {
      const changes = this.#queue;
      this.#queue = [];
      let stored = 0;
      try {
        for (const change of changes) {
          const records = recordsOf(change);
          await outbox.append(rowOf(change, records));
          stored += 1;
          written = false;
          this.#publish(change, records);
          if (change.active) this.#told.add(change.name);
          else this.#told.delete(change.name);
        }
        await this.#file.write([...this.#told].sort());
        written = true;
        pauseMs = 1_000;
      } catch (error) {
        this.#queue = [...changes.slice(stored), ...this.#queue];
        log.error(`alarms can't be stored, it is tried again: ${messageOf(error)}`);
        if (this.#stopped.signal.aborted) return;
        await delay(pauseMs, undefined, { signal: this.#stopped.signal }).catch(() => {});
        pauseMs = Math.min(2 * pauseMs, 60_000);
      }
    }
  }
}

function observed(record: SenmlRecord): Observed {
  const { u: unit, [reasonLabel]: reason } = record;
  return {
    value: recordValue(record),
    quality: qualityOf(record),
    ...(unit !== undefined && { unit }),
    ...(reason !== undefined && { reason }),
  };
}

function recordsOf({ name, severity, active, sample }: Change): SenmlRecord[] {
  return [
    { n: name, vb: active },
    ...(sample ? measured(name, sample) : []),
    ...(severity ? [{ n: `${name}/severity`, vs: severity }] : []),
  ];
}

function rowOf({ monotonicMs }: Change, records: readonly SenmlRecord[]): NewRow {
  return {
    plugin: alarmsPlugin,
    lane: "alarm",
    time: { monotonicMs },
    samples: records.length,
    records: Buffer.concat(records.map((record) => encodeRecord(record))),
  };
}

function measured(name: string, { value, unit, quality, reason }: Observed): SenmlRecord[] {
  if (value instanceof Uint8Array) return [];
  const record: SenmlRecord = { n: `${name}/value` };
  if (unit !== undefined) record.u = unit;
  if (typeof value === "number") record.v = value;
  else if (typeof value === "boolean") record.vb = value;
  else record.vs = value ?? "";
  if (quality !== "good") record[qualityLabel] = quality;
  if (reason !== undefined) record[reasonLabel] = reason;
  // A sum alone is no value, and good all the same.
  return value === null && quality !== "bad" ? [] : [record];
}
