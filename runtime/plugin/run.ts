import type { NatsConnection } from "@nats-io/transport-node";
import type { Clock } from "../clock.ts";
import type { EmitRate } from "../emit-limit.ts";
import { messageOf, UmecError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { MakeGate, SafeValue } from "./commands.ts";
import type { Driver, Point, Secrets } from "./contract.ts";
import type { EmitObserver } from "./emitter.ts";
import { createHost, type RunningHost } from "./host.ts";
import type { HostServices } from "./host-services.ts";
import { ownStrays } from "./stray.ts";
import { Watchdog } from "./watchdog.ts";

/** What the target state says of a plugin (`PluginTarget` of ../target/types.ts, whose layer is another). */
export interface PluginTarget {
  name: string;
  driver: string;
  required: boolean;
  limits: EmitRate;
  /** Valid by the driver's schema, defaults filled in. */
  options: Readonly<Record<string, unknown>>;
  /** What points are set to when nobody commands them. @default none */
  safe?: Readonly<Record<string, SafeValue>>;
}

export interface RunOptions {
  target: PluginTarget;
  driver: Driver;
  connection: NatsConnection;
  clock: Clock;
  secrets: Secrets;
  services: HostServices;
  log: Log;
  graceMs: number;
  /** @default every point that has a handler takes every value */
  makeGate?: MakeGate | undefined;
  /** Ends the run. */
  signal: AbortSignal;
  observer: EmitObserver;
  /** Called with the host before the driver runs, and with what ends the run as a failure. */
  onHost: (host: RunningHost, fail: (error: UmecError) => void) => void;
  /** Called when the driver is told to stop, and why. */
  onStopping: () => void;
}

const defaultDeadlineMs = 60_000;

/**
 * One run of a driver, from its start until it has ended or was left behind. Returns why it ended, or `undefined`
 * when it was told to by `signal` and did. Never rejects.
 *
 * Codes: the driver's own, `PLUGIN_FAILED` (it threw something else), `PLUGIN_ENDED` (it returned early),
 * `PLUGIN_SILENT` (no sign of life), `PLUGIN_FLOOD`, `PLUGIN_CUT_OFF` (its connection was closed),
 * `PLUGIN_STUCK` (it did not end within `graceMs`).
 */
export async function runDriver(options: RunOptions): Promise<UmecError | undefined> {
  const { target, driver, connection, clock, secrets, log, graceMs, signal, observer, onHost } = options;
  const controller = new AbortController();
  const fail = (error: UmecError): void => controller.abort(error);
  const onStray = (error: unknown): void => {
    if (controller.signal.aborted) log.debug(`after its end: ${messageOf(error)}`, { error });
    fail(asFailure(error));
  };
  const stop = (): void => controller.abort(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();

  const driverOptions = structuredClone(target.options) as never;
  let points: Point[];
  try {
    points = driver.manifest.points(driverOptions);
  } catch (error) {
    signal.removeEventListener("abort", stop);
    return asFailure(error);
  }
  const gate = options.makeGate?.(points);

  let watchdog: Watchdog | undefined;
  const running = createHost({
    connection,
    clock,
    secrets,
    services: options.services,
    log,
    limits: target.limits,
    signal: controller.signal,
    hasPoints: points.length > 0,
    ...(gate && { gate }),
    ...(target.safe && { safe: target.safe }),
    onTask: () => watchdog?.sign(),
    observer: {
      ...observer,
      flooded: fail,
      underWay: (packs) => {
        if (watchdog) watchdog.held = packs > 0;
      },
    },
  });
  onHost(running, fail);
  void connection.closed().then(() => fail(new UmecError("PLUGIN_CUT_OFF", "its connection was closed")));

  const ended: Promise<UmecError> = ownStrays(onStray, async () => {
    const deadlineMs = driver.manifest.deadlineMs?.(driverOptions) ?? defaultDeadlineMs;
    watchdog = new Watchdog(deadlineMs, () => {
      fail(new UmecError("PLUGIN_SILENT", `no sign of life for ${deadlineMs} ms`));
    });
    await driver.run(driverOptions, running.host, controller.signal);
  }).then(
    () => new UmecError("PLUGIN_ENDED", "the driver returned although nobody had asked it to"),
    asFailure,
  );

  const first = await Promise.race([ended, aborted(controller.signal)]);
  watchdog?.stop();
  const asked = signal.aborted;
  const cause = first ?? (asked ? undefined : (controller.signal.reason as UmecError));
  if (first === undefined) {
    options.onStopping();
    if (!(await within(ended, graceMs))) {
      running.revoke();
      signal.removeEventListener("abort", stop);
      return stuck(graceMs, cause);
    }
  }
  // The scheduler's tasks and the commands under way end with the run, however it ended.
  controller.abort(cause);
  signal.removeEventListener("abort", stop);
  return cause;
}

function asFailure(error: unknown): UmecError {
  return error instanceof UmecError
    ? error
    : new UmecError("PLUGIN_FAILED", messageOf(error), { cause: error });
}

function stuck(graceMs: number, cause: UmecError | undefined): UmecError {
  const why = cause ? ` (${cause.code}: ${cause.message})` : "";
  return new UmecError("PLUGIN_STUCK", `did not end within ${graceMs} ms after it was told to${why}`, {
    ...(cause && { cause }),
    hint: "the driver must end when its signal aborts; what it holds may be free only after the node restarts",
  });
}

function aborted(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  const { promise, resolve } = Promise.withResolvers<undefined>();
  signal.addEventListener("abort", () => resolve(undefined), { once: true });
  return promise;
}

async function within(work: Promise<unknown>, ms: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), ms);
  try {
    return await Promise.race([work.then(() => true), promise]);
  } finally {
    clearTimeout(timer);
  }
}
