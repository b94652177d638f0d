/**
 * The plugin contract: what a driver exports and what it is given. This is the whole surface.
 *
 * A driver is a module that exports a {@link Driver}: a manifest and one function `run`. `run` is given its
 * validated options, a {@link Host} and an `AbortSignal`, and works until the signal aborts; then it lets go
 * of its hardware and returns. When it throws, returns early or shows no sign of life for `deadlineMs`, it is
 * reported and started again with backoff; nobody else notices.
 *
 * A sign of life is an `emit` that was stored or a task of `host.scheduler` that ended, well or not: a driver
 * whose device is dead is alive as long as it goes on asking. While an `emit` waits to be stored no time counts.
 */
import type { Static, TSchema } from "typebox";
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";

/** Importance of a sample, most important first. When space runs out, `bulk` goes first and `alarm` last. */
export type Lane = "alarm" | "telemetry" | "bulk";

/** How far a value can be believed: `uncertain` may be used with care, `bad` not at all. */
export type Quality = "good" | "uncertain" | "bad";

/** One measured value: a SenML record before it has a base name. */
export interface Sample {
  /** Path below the plugin, `device/quantity`: characters `A-Z a-z 0-9 - _` and `/` between segments. */
  name: string;
  value: number | string | boolean | Uint8Array | null;
  /** Unit of RFC 8428 section 12.1 or its secondary registry (RFC 8798), such as `V`, `Cel`, `%RH`. */
  unit?: string;
  /** Unix time in milliseconds; @default the moment of `emit`, repaired later if the clock was not yet known. */
  timeMs?: number;
  /** @default "good". With `bad` the value may be `null`: there is none. */
  quality?: Quality;
  /** Why it is not good, for people: `no answer within 500 ms`. Only with a quality that is not good. */
  reason?: string;
}

export interface EmitOptions {
  /** @default "telemetry" */
  lane?: Lane;
  /** Gives the wait up; the samples may be stored all the same. */
  signal?: AbortSignal;
}

/** A request to act on a point. */
export interface Command {
  /** The point's path below the plugin, as in {@link Sample.name}. */
  point: string;
  /** The JSON value of the request; `undefined` for an empty body. Where the point has a schema, it was checked. */
  value: unknown;
  /** Who asks, as they say; `dead-man` for a safe value. */
  by: string;
  /** In so many milliseconds it must be done; then the signal aborts. */
  withinMs: number;
}

/**
 * Does the command; what it returns is the JSON reply, or the reply's bytes as they are for a `Uint8Array`. A thrown
 * `UmecError` is the reply's code and message. For a point that can be read back, the reply tells the value
 * that holds now.
 */
export type CommandHandler = (command: Command, signal: AbortSignal) => unknown | Promise<unknown>;

export interface Scheduler {
  /**
   * Runs `task` every `intervalMs` until the plugin stops. Ticks keep to the grid of the first one and never
   * overlap: a tick that comes while the last one still runs is left out, and counted. A task that throws is
   * logged, and the next tick comes as planned. Returns a function that ends it.
   */
  every(
    intervalMs: number,
    task: (signal: AbortSignal) => unknown,
    options?: { phaseMs?: number },
  ): () => void;
  /** Resolves after `ms`; rejects with the signal's reason when the plugin (or `signal`) is stopped. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Secrets {
  /** The secret's text. Throws `SECRET_MISSING` with the places that were searched. Never log it. */
  get(name: string): Promise<string>;
}

/** What a plugin keeps over restarts: a few small JSON values, such as the total of a counter. */
export interface PluginState {
  /** What was set last, also by an earlier run; `undefined` when nothing was. */
  get(key: string): unknown;
  /**
   * Resolves when it is on disk. Each call writes the flash: once a minute and at the end is often enough for a
   * counter. Rejects with `STATE_INVALID` (no JSON, or more than 64 KiB for all keys) or `STATE_FAILED`.
   */
  set(key: string, value: unknown): Promise<void>;
}

/** Something too large for a sample, such as a picture. */
export interface StoredObject {
  /** A path below the plugin, as in {@link Sample.name}, and the file's ending: `camera/still/20261124T102030Z.jpg`. */
  name: string;
  /** RFC 9110 section 8.3, such as `image/jpeg`. */
  contentType: string;
  /** At most 16 MiB. It belongs to the host from then on. */
  body: Uint8Array;
  /** @default the moment of the call */
  timeMs?: number;
}

export interface Objects {
  /**
   * Keeps an object. Resolves when it is on disk; from then on it reaches the hub's object store, once there is a
   * link. When the quota for objects is full the oldest go first, and that is reported. Rejects with
   * `OBJECT_INVALID` or `OBJECT_FAILED`.
   */
  put(object: StoredObject, signal?: AbortSignal): Promise<void>;
}

/** What a receiver of time, such as a GNSS module, says. */
export interface TimeReading {
  /** Unix time in milliseconds, UTC. */
  unixMs: number;
  /** {@link Clock.monotonicMs} at that moment. */
  monotonicMs: number;
  /** How far it may be off, in milliseconds. */
  accuracyMs: number;
}

export interface Host {
  /**
   * Stores samples. Resolves when they are on disk; from then on they reach the hub exactly once.
   * Rejects with `EMIT_INVALID` (a name, value or size that can't be stored: do not retry), `EMIT_OVERLOADED`
   * (too much is under way: slow down), `EMIT_REFUSED` (the store can't take it) or `PLUGIN_FLOOD` (beyond the
   * plugin's limits: it is being stopped).
   */
  emit(samples: readonly Sample[], options?: EmitOptions): Promise<void>;
  /** Answers commands for `point`, or with `point` `*` for every point that has no handler of its own. */
  onCommand(point: string, handler: CommandHandler): void;
  readonly log: Log;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly secrets: Secrets;
  readonly state: PluginState;
  readonly objects: Objects;
  /** Tells the node the time. It counts only while the node's clock is not known otherwise. */
  offerTime(reading: TimeReading): void;
}

/** One thing that a plugin measures or acts on. */
export interface Point {
  /** As in {@link Sample.name}. */
  name: string;
  summary?: string;
  unit?: string;
  /** @default "read" */
  access?: "read" | "write" | "read-write";
  /** JSON Schema of the values that a command may have; a command with another one is refused before the driver. */
  schema?: TSchema;
}

export interface Manifest<O extends TSchema = TSchema> {
  /** The driver's name in the target state: lower case, digits and `-`. */
  name: string;
  /** Semantic version. */
  version: string;
  /** `low` talks to a kernel interface or a bus, `high` to a vendor's API over IP. */
  kind: "low" | "high";
  /** One line for people. */
  summary: string;
  /** JSON Schema of the options, with a `description` and `default` on each. */
  options: O;
  /** What a plugin with these options offers. */
  points(options: Static<O>): Point[];
  /** Beyond what the schema can say; each finding has the JSON Pointer (RFC 6901) of the option meant. */
  check?(options: Static<O>): OptionFinding[];
  /** What a plugin with these options needs of the system. */
  needs(options: Static<O>): { devices?: string[]; capabilities?: string[]; network?: boolean };
  /** Longest time without a sign of life. @default 60_000 */
  deadlineMs?(options: Static<O>): number;
}

export interface OptionFinding {
  pointer: string;
  reason: string;
  hint?: string;
}

/** Something attached to the node. */
export interface Found {
  /** One line for people: `i2c-1 address 0x48: TMP105 or LM75`. */
  summary: string;
  /**
   * A plugin that reads it: a name that is proposed, and options that run. Things with the same name become one
   * plugin: their options are merged, so that each chip of a bus can be found by itself.
   */
  plugin?: { name: string; options: Record<string, unknown> };
}

export interface DiscoverOptions {
  /** Where to look, where that can't be guessed: a serial port, a network. The driver says which it takes. */
  at?: string;
  signal: AbortSignal;
  log: Log;
}

export interface Driver<O extends TSchema = TSchema> {
  manifest: Manifest<O>;
  run(options: Static<O>, host: Host, signal: AbortSignal): Promise<void>;
  /** Looks for what it could read, and changes nothing by that. Yields each thing as soon as it is found. */
  discover?(options: DiscoverOptions): AsyncIterable<Found>;
}

/** Ties the options' type to their schema; returns its argument. */
export function defineDriver<O extends TSchema>(driver: Driver<O>): Driver<O> {
  return driver;
}
