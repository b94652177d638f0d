/**
 * The host double for a driver's own tests: everything that a driver is given, in memory.
 *
 *     await using run = startDriver(driver, { url }, { secrets: { token: "s3cret" } });
 *     const [sample] = await run.samples((s) => s.name === "meter1/voltage");
 *     const reply = await run.command("lamp/level", 80);
 */
import { Ajv2020 } from "ajv/dist/2020.js";
import type { Static, TSchema } from "typebox";
import { encodeReply } from "../command-wire.ts";
import { makeGate } from "../commands/gate.ts";
import { nameProblem } from "../emit-wire.ts";
import { UmecError } from "../errors.ts";
import type { Log } from "../log.ts";
import type {
  CommandHandler,
  Driver,
  EmitOptions,
  Host,
  Sample,
  StoredObject,
  TimeReading,
} from "./contract.ts";
import { checkSamples, maxEmitBytes } from "./sample-check.ts";
import { createScheduler } from "./scheduler.ts";

export interface LogLine {
  level: "debug" | "info" | "warn" | "error";
  message: string;
}

export interface Emitted extends Sample {
  lane: NonNullable<EmitOptions["lane"]>;
}

export interface DriverRun extends AsyncDisposable {
  /** Everything emitted so far, in order. */
  readonly emitted: readonly Emitted[];
  readonly lines: readonly LogLine[];
  /** Objects that were kept, in order. */
  readonly objects: readonly StoredObject[];
  /** Times that were offered, in order. */
  readonly times: readonly TimeReading[];
  /** What is kept over restarts; give it to the next `startDriver` as `state`. */
  readonly state: Map<string, unknown>;
  /**
   * Waits until `count` samples that fit were emitted, those before the call included; gives these.
   * Rejects when the driver ends first, or after `timeoutMs` (@default 5_000).
   */
  samples(
    fits: (sample: Emitted) => boolean,
    options?: { count?: number; timeoutMs?: number },
  ): Promise<Emitted[]>;
  /** Waits for a log line whose message fits, those before the call included. */
  line(fits: RegExp, options?: { timeoutMs?: number }): Promise<LogLine>;
  /** Waits until `count` objects were kept, those before the call included; gives these. */
  kept(count: number, options?: { timeoutMs?: number }): Promise<readonly StoredObject[]>;
  /**
   * Sends a command as an application would: through the node's own gate, by what the manifest says of the point.
   * Rejects with `COMMAND_UNKNOWN`, `COMMAND_READ_ONLY`, `COMMAND_INVALID` or `COMMAND_NOT_READY`, or with what the
   * driver threw.
   */
  command(point: string, value?: unknown): Promise<unknown>;
  /** Stops the driver; rejects with its error if it ended by one. */
  stop(): Promise<void>;
}

export interface TestHostOptions {
  secrets?: Record<string, string>;
  /** @default true */
  clockKnown?: boolean;
  /** What an earlier run has kept. @default nothing */
  state?: Map<string, unknown>;
}

/** Validates `options` by the manifest's schema, defaults filled in, and runs the driver on a host double. */
export function startDriver<O extends TSchema>(
  driver: Driver<O>,
  options: unknown,
  { secrets = {}, clockKnown = true, state = new Map() }: TestHostOptions = {},
): DriverRun {
  const checked = structuredClone(options);
  const validate = new Ajv2020({ useDefaults: true, allErrors: true, strict: false }).compile(
    driver.manifest.options,
  );
  if (!validate(checked)) throw new UmecError("OPTIONS_INVALID", JSON.stringify(validate.errors));

  const gate = makeGate(driver.manifest.points(checked as Static<O>));
  const controller = new AbortController();
  const emitted: Emitted[] = [];
  const lines: LogLine[] = [];
  const objects: StoredObject[] = [];
  const times: TimeReading[] = [];
  const handlers = new Map<string, CommandHandler>();
  const watchers = new Set<() => void>();
  const notify = (): void => {
    for (const watcher of watchers) watcher();
  };
  const log = recordingLog((line) => {
    lines.push(line);
    notify();
  });
  const host: Host = {
    async emit(samples, { lane = "telemetry" } = {}) {
      if (controller.signal.aborted) throw new UmecError("EMIT_REFUSED", "the plugin is stopped");
      checkSamples(samples, maxEmitBytes);
      emitted.push(...samples.map((sample) => ({ ...sample, lane })));
      notify();
    },
    onCommand(point, handler) {
      const problem = point === "*" ? undefined : nameProblem(point);
      if (problem) throw new UmecError("COMMAND_POINT", `${JSON.stringify(point)} is no point: ${problem}`);
      handlers.set(point, handler);
    },
    log,
    clock: { nowMs: () => Date.now(), monotonicMs: () => performance.now(), known: () => clockKnown },
    scheduler: createScheduler({ signal: controller.signal, log }),
    secrets: {
      async get(name) {
        const secret = secrets[name];
        if (secret === undefined) throw new UmecError("SECRET_MISSING", `no secret ${name}`);
        return secret;
      },
    },
    state: {
      get: (key) => state.get(key),
      async set(key, value) {
        state.set(key, JSON.parse(JSON.stringify(value)));
      },
    },
    objects: {
      async put(object) {
        if (controller.signal.aborted) throw new UmecError("OBJECT_FAILED", "the plugin is stopped");
        objects.push(object);
        notify();
      },
    },
    offerTime(reading) {
      times.push(reading);
      notify();
    },
  };

  const ended = driver.run(checked as Static<O>, host, controller.signal).catch((error: unknown) => {
    if (!controller.signal.aborted) throw error;
  });
  ended.catch(() => {});

  function until<T>(find: () => T | undefined, what: string, timeoutMs: number): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const look = (): void => {
      const found = find();
      if (found !== undefined) resolve(found);
    };
    const timer = setTimeout(() => reject(new Error(`no ${what} within ${timeoutMs} ms`)), timeoutMs);
    watchers.add(look);
    ended.then(() => reject(new Error(`the driver ended before ${what}`)), reject);
    look();
    return promise.finally(() => {
      clearTimeout(timer);
      watchers.delete(look);
    });
  }

  const stop = (): Promise<void> => {
    controller.abort(new UmecError("STOPPED", "the plugin is stopped"));
    return ended;
  };
  return {
    emitted,
    lines,
    objects,
    times,
    state,
    samples(fits, { count = 1, timeoutMs = 5_000 } = {}) {
      const find = (): Emitted[] | undefined => {
        const found = emitted.filter(fits);
        return found.length >= count ? found : undefined;
      };
      return until(find, `${count} samples that fit`, timeoutMs);
    },
    line: (fits, { timeoutMs = 5_000 } = {}) =>
      until(() => lines.find((line) => fits.test(line.message)), `log line ${fits}`, timeoutMs),
    kept: (count, { timeoutMs = 5_000 } = {}) =>
      until(() => (objects.length >= count ? objects : undefined), `${count} objects`, timeoutMs),
    async command(point, value) {
      const said = value === undefined ? undefined : JSON.parse(JSON.stringify(value));
      await gate.check(point, said, [...handlers.keys()]);
      const handler = handlers.get(point) ?? handlers.get("*");
      if (!handler)
        throw new UmecError("COMMAND_NOT_READY", `${point}: the driver does not take commands yet`);
      const reply = await handler({ point, value: said, by: "test", withinMs: 30_000 }, controller.signal);
      // Throws what the sender would get as COMMAND_FAILED.
      encodeReply(reply);
      return reply;
    },
    stop,
    async [Symbol.asyncDispose]() {
      await stop().catch(() => {});
    },
  };
}

/** A log that gives each line to `take`, for looking at it in a test. */
export function recordingLog(take: (line: LogLine) => void): Log {
  const at =
    (level: LogLine["level"]) =>
    (message: string): void =>
      take({ level, message });
  const log: Log = {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: () => log,
  };
  return log;
}
