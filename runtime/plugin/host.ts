import { setTimeout as delay } from "node:timers/promises";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Clock } from "../clock.ts";
import type { EmitRate } from "../emit-limit.ts";
import { UmecError } from "../errors.ts";
import type { Log } from "../log.ts";
import { Commands } from "./commands.ts";
import type { Host, Secrets } from "./contract.ts";
import { createEmitter, type EmitObserver } from "./emitter.ts";
import { createScheduler } from "./scheduler.ts";

export interface HostOptions {
  /** In the plugin's own account. Whoever opened it closes it. */
  connection: NatsConnection;
  clock: Clock;
  secrets: Secrets;
  log: Log;
  limits: EmitRate;
  /** Ends all that the host does: emits, commands, tasks. */
  signal: AbortSignal;
  observer?: EmitObserver;
  /** Called after each task of the scheduler. */
  onTask?: () => void;
}

export interface RunningHost {
  host: Host;
  setLimits(limits: EmitRate): void;
  /** For a driver that does not end: from now on each emit takes a second and is refused. */
  revoke(): void;
}

const revokedMs = 1000;

/** What a driver is given: the host of the plugin contract, on the node's bus. */
export function createHost(options: HostOptions): RunningHost {
  const { connection, clock, secrets, log, limits, signal, observer = {}, onTask = () => {} } = options;
  const emitter = createEmitter({ connection, clock, log, limits, signal, observer });
  const commands = new Commands({ connection, log, signal });
  let revoked = false;
  const host: Host = {
    async emit(samples, emitOptions) {
      if (!revoked) return emitter.emit(samples, emitOptions);
      // Else a driver that emits in a loop, come what may, would keep the processor busy for ever.
      await delay(revokedMs, undefined, { ref: false });
      throw new UmecError("EMIT_REFUSED", "the plugin was stopped and did not end");
    },
    onCommand: (point, handler) => commands.handle(point, handler),
    log,
    clock,
    scheduler: createScheduler({ signal, log, onTask }),
    secrets,
  };
  return {
    host,
    setLimits: (next) => emitter.setLimits(next),
    revoke: () => {
      revoked = true;
    },
  };
}
