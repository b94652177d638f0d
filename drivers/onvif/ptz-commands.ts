/**
 * Commands that move the camera.
 *
 * A move ends: a place that is asked for is reached or given up after `settleMs`; a continuous move stops after its
 * timeout, which the camera gets told and which is watched here as well, since not every camera obeys; and when the
 * plugin ends while the camera moves it is stopped. A new command takes over from the last one at once. Where the
 * options narrow an axis, a continuous move is watched and stopped at the border; how far it goes beyond depends on
 * speed and camera, so a border that must never be crossed belongs into the camera itself.
 */
import { type Host, messageOf, UmecError } from "../../runtime/plugin/sdk.ts";
import type { Position, Ptz, Vector } from "./ptz.ts";
import { admitPlace, axes, isLimited, limitsOf, type PtzOptions, readRequest } from "./ptz-limits.ts";
import type { EventSample } from "./topics.ts";

export interface PtzCommandOptions {
  options: PtzOptions;
  host: Host;
  /** Of the camera that is there; throws `ONVIF_OFFLINE` or `ONVIF_UNSUPPORTED`. */
  ptz: () => Ptz;
  tell: (samples: readonly EventSample[]) => Promise<void>;
  /** Of the plugin. */
  signal: AbortSignal;
}

const lookMs = 250;
const stopTries = 3;

/** Answers the commands `ptz/…`; gives a function that stops what moves. */
export function offerPtz({
  options,
  host,
  ptz,
  tell,
  signal: plugin,
}: PtzCommandOptions): () => Promise<void> {
  /** Of the move under way. */
  let current = new AbortController();
  let running = false;

  function begin(): AbortSignal {
    current.abort(new UmecError("ONVIF_REPLACED", "another command has taken over"));
    current = new AbortController();
    return AbortSignal.any([current.signal, plugin]);
  }

  async function stop(signal: AbortSignal): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await ptz().stop(signal);
        running = false;
        return;
      } catch (error) {
        if (tries === stopTries || signal.aborted) throw error;
        host.log.warn(`the camera did not take the stop: ${messageOf(error)}`);
        await host.scheduler.sleep(lookMs, signal).catch(() => {});
      }
    }
  }

  async function look(signal: AbortSignal): Promise<Position> {
    const position = await ptz().position(signal);
    const samples = axes.flatMap((axis): EventSample[] => {
      const value = position[axis];
      return value === undefined ? [] : [{ name: `ptz/${axis}`, value, lane: "telemetry" }];
    });
    if (samples.length > 0) await tell(samples);
    return position;
  }

  /** Until the camera stands, the time is over, or another command takes over; gives the last position. */
  async function settle(move: AbortSignal, signal: AbortSignal): Promise<Position> {
    const endMs = host.clock.monotonicMs() + options.settleMs;
    let last = await ptz().position(signal);
    while (!move.aborted && host.clock.monotonicMs() < endMs) {
      await host.scheduler.sleep(lookMs, move).catch(() => {});
      if (signal.aborted) break;
      const now = await ptz().position(signal);
      const same = axes.every((axis) => now[axis] === last[axis]);
      last = now;
      // A camera without a status stands when it is twice at the same place.
      if (now.moving === false || (now.moving === undefined && same)) break;
    }
    return look(signal);
  }

  /** Ends a continuous move by time or at a border. */
  async function guard(move: AbortSignal, timeoutMs: number): Promise<void> {
    const endMs = host.clock.monotonicMs() + timeoutMs;
    const bordered = axes.some((axis) => isLimited(axis, options));
    try {
      for (let leftMs = timeoutMs; leftMs > 0; leftMs = endMs - host.clock.monotonicMs()) {
        await host.scheduler.sleep(Math.ceil(bordered ? Math.min(leftMs, lookMs) : leftMs), move);
        if (bordered && outside(await ptz().position(move))) break;
      }
      await stop(move);
      await look(move);
    } catch (error) {
      if (!move.aborted) host.log.error(`the camera may still move: ${messageOf(error)}`);
    }
  }

  function outside(at: Position): boolean {
    return axes.some((axis) => {
      const value = at[axis];
      const [low, high] = limitsOf(axis, options);
      return value !== undefined && (value < low || value > high);
    });
  }

  const speedOf = (speed: number | undefined): number | undefined => {
    if (speed === undefined) return options.maxSpeed < 1 ? options.maxSpeed : undefined;
    return Math.min(speed, options.maxSpeed);
  };

  host.onCommand("ptz/absolute", async ({ value }, signal) => {
    const { speed, ...to } = readRequest(value, ["pan", "tilt", "zoom", "speed"]);
    admitPlace(to, options);
    const device = ptz();
    const move = begin();
    // An axis that the camera moves together with another one stays where it is.
    const whole = await withBoth(device, to, signal);
    await device.absolute(whole, speedOf(speed), signal);
    return settle(move, signal);
  });

  host.onCommand("ptz/relative", async ({ value }, signal) => {
    const { speed, ...by } = readRequest(value, ["pan", "tilt", "zoom", "speed"]);
    const device = ptz();
    if (axes.some((axis) => by[axis] !== undefined && isLimited(axis, options))) {
      const at = await device.position(signal);
      admitPlace(Object.fromEntries(axes.flatMap((axis) => sum(axis, at, by))), options);
    }
    const move = begin();
    await device.relative(by, speedOf(speed), signal);
    return settle(move, signal);
  });

  host.onCommand("ptz/continuous", async ({ value }, signal) => {
    const { timeoutMs = options.maxContinuousMs, ...velocity } = readRequest(value, [
      "pan",
      "tilt",
      "zoom",
      "timeoutMs",
    ]);
    if (!(timeoutMs > 0 && timeoutMs <= options.maxContinuousMs)) {
      throw new UmecError(
        "ONVIF_LIMIT",
        `timeoutMs ${timeoutMs} is not above 0 and at most ${options.maxContinuousMs}`,
      );
    }
    for (const axis of axes) {
      const speed = velocity[axis];
      if (speed !== undefined && Math.abs(speed) > options.maxSpeed) {
        throw new UmecError("ONVIF_LIMIT", `${axis} ${speed} is faster than ${options.maxSpeed}`);
      }
    }
    const device = ptz();
    const move = begin();
    running = true;
    // Also when the answer is lost: the camera may have begun.
    void guard(move, timeoutMs);
    await device.continuous(velocity, timeoutMs, signal);
    return { ...velocity, timeoutMs };
  });

  host.onCommand("ptz/stop", async (_, signal) => {
    begin();
    await stop(signal);
    return look(signal);
  });

  host.onCommand("ptz/preset", async ({ value }, signal) => {
    if (typeof value !== "string" || value === "") {
      throw new UmecError(
        "ONVIF_VALUE",
        `${JSON.stringify(value) ?? "nothing"} is no preset's token or name`,
      );
    }
    const device = ptz();
    const presets = await device.presets(signal);
    const preset = presets.find(({ token }) => token === value) ?? presets.find(({ name }) => name === value);
    if (!preset) {
      const known = presets
        .map(({ name }) => name)
        .join(", ")
        .slice(0, 300);
      throw new UmecError("ONVIF_VALUE", `the camera has no preset ${value}; it has ${known || "none"}`);
    }
    const move = begin();
    await device.goto(preset.token, speedOf(undefined), signal);
    return settle(move, signal);
  });

  host.onCommand("ptz/presets", (_, signal) => ptz().presets(signal));
  host.onCommand("ptz/position", (_, signal) => look(signal));

  return async () => {
    current.abort(new UmecError("ONVIF_REPLACED", "the plugin ends"));
    if (running) await stop(AbortSignal.timeout(1500));
  };
}

function sum(axis: keyof Vector, at: Position, by: Vector): [string, number][] {
  const from = at[axis];
  const step = by[axis];
  return from === undefined || step === undefined ? [] : [[axis, from + step]];
}

/** Pan and tilt are one vector: the one that was left out is where it is. */
async function withBoth(device: Ptz, to: Vector, signal: AbortSignal): Promise<Vector> {
  if ((to.pan === undefined) === (to.tilt === undefined)) return to;
  const { pan, tilt } = await device.position(signal);
  return { ...(pan !== undefined && { pan }), ...(tilt !== undefined && { tilt }), ...to };
}
