import { setTimeout as delay } from "node:timers/promises";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Clock } from "../clock.ts";
import type { EmitRate } from "../emit-limit.ts";
import { UmecError } from "../errors.ts";
import type { Log } from "../log.ts";
import { type CommandGate, Commands, type SafeValue } from "./commands.ts";
import type { Host, Secrets } from "./contract.ts";
import { createEmitter, type EmitObserver } from "./emitter.ts";
import type { HostServices } from "./host-services.ts";
import { createScheduler } from "./scheduler.ts";

export interface HostOptions {
  /** In the plugin's own account. Whoever opened it closes it. */
  connection: NatsConnection;
  clock: Clock;
  secrets: Secrets;
  services: HostServices;
  log: Log;
  limits: EmitRate;
  /** Ends all that the host does: emits, commands, tasks. */
  signal: AbortSignal;
  observer?: EmitObserver;
  /** @default every point that has a handler takes every value */
  gate?: CommandGate;
  /** Whether the plugin has points. @default false */
  hasPoints?: boolean;
  /** By point, for its dead man's handle. @default none */
  safe?: Readonly<Record<string, SafeValue>>;
  /** Called after each task of the scheduler. */
  onTask?: () => void;
}

export interface RunningHost {
  host: Host;
  setLimits(limits: EmitRate): void;
  /** Tells that the driver is alive, where its host can't see that. */
  sign(): void;
  /** For a driver that does not end: from now on it keeps nothing, and each emit takes a second and is refused. */
  revoke(): void;
}

const revokedMs = 1000;
const stopped = "the plugin was stopped and did not end";

/** What a driver is given: the host of the plugin contract, on the node's bus. */
export function createHost(options: HostOptions): RunningHost {
  const { connection, clock, secrets, log, limits, signal, observer = {}, onTask = () => {} } = options;
  const emitter = createEmitter({ connection, clock, log, limits, signal, observer });
  const { gate, hasPoints = false, safe = {}, services } = options;
  const commands = new Commands({
    connection,
    log,
    signal,
    clock,
    hasPoints,
    safe,
    ...(gate && { gate }),
    event: (sample) => emitter.emit([sample], { lane: "alarm" }),
  });
  let revoked = false;
  const host: Host = {
    async emit(samples, emitOptions) {
      if (!revoked) return emitter.emit(samples, emitOptions);
      // Else a driver that emits in a loop, come what may, would keep the processor busy for ever.
      await delay(revokedMs, undefined, { ref: false });
      throw new UmecError("EMIT_REFUSED", stopped);
    },
    onCommand: (point, handler) => commands.handle(point, handler),
    log,
    clock,
    scheduler: createScheduler({ signal, log, onTask }),
    secrets,
    state: {
      get: (key) => services.state.get(key),
      async set(key, value) {
        // The next run has the same values, and is the one to change them.
        if (revoked) throw new UmecError("STATE_FAILED", stopped);
        await services.state.set(key, value);
      },
    },
    objects: {
      async put(object, putSignal) {
        if (revoked) throw new UmecError("OBJECT_FAILED", stopped);
        await services.objects.put(object, putSignal);
      },
    },
    offerTime(reading) {
      if (!revoked) services.offerTime(reading);
    },
  };
  return {
    host,
    setLimits: (next) => emitter.setLimits(next),
    sign: onTask,
    revoke: () => {
      revoked = true;
    },
  };
}
