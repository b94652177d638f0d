/**
 * Whether services are alive (ETSI GS MEC 011 V3.1.1 section 8.2.10).
 *
 * A service that was registered with a `livenessInterval` is expected to send a heartbeat in each interval. One that is
 * ACTIVE and has sent none for an interval and a half becomes SUSPENDED: half an interval is left for the way and for
 * timers that are late. A heartbeat makes it ACTIVE again. INACTIVE ones have said so themselves, and stay it.
 *
 * Heartbeats are in memory: a disk would not survive them. After a restart every service has a full term again.
 */

import { messageOf } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { ifMatch } from "../http/etag.ts";
import type { ApiRequest } from "../http/route.ts";
import type { Services, StoredService } from "./services.ts";
import type { Timers } from "./timers.ts";
import { toTimeStamp } from "./timestamp.ts";

export interface LivenessOptions {
  services(): Services;
  clock: { nowMs(): number };
  timers: Timers;
  log: Log;
}

interface Pulse {
  lastMs: number;
  beats: number;
}

const graceIntervals = 1.5;

export type Liveness = ReturnType<typeof createLiveness>;

export function createLiveness({ services, clock, timers, log }: LivenessOptions) {
  const pulses = new Map<string, Pulse>();
  const timerOf = (id: string) => `liveness ${id}`;

  function pulseOf(id: string): Pulse {
    const found = pulses.get(id) ?? { lastMs: clock.nowMs(), beats: 0 };
    pulses.set(id, found);
    return found;
  }

  function watch(id: string, intervalS: number): void {
    timers.set(timerOf(id), intervalS * 1_000 * graceIntervals, () => {
      const stored = services().get(id);
      if (stored?.value.service.state !== "ACTIVE") return;
      log.warn("service is suspended: it has sent no heartbeat", {
        service: stored.value.service.serName,
        id,
        intervalS,
      });
      services()
        .setState(stored, "SUSPENDED")
        .catch((error: unknown) => log.error("service can't be suspended", { id, error: messageOf(error) }));
    });
  }

  function etagOf({ id, etag }: StoredService): string {
    return `"${pulseOf(id).beats}-${etag.replaceAll('"', "")}"`;
  }

  function show(stored: StoredService) {
    const { id, value } = stored;
    return {
      state: value.service.state,
      timeStamp: toTimeStamp(pulseOf(id).lastMs),
      interval: value.service.livenessInterval,
    };
  }

  return {
    /** After each change of a service, and at the start. */
    look(id: string): void {
      const service = services().get(id)?.value.service;
      if (service?.livenessInterval === undefined) {
        timers.clear(timerOf(id));
        pulses.delete(id);
      } else if (service.state === "ACTIVE") {
        pulseOf(id);
        watch(id, service.livenessInterval);
      }
    },
    show,
    etagOf,
    /**
     * A heartbeat. Resolves with `true` when the service had been suspended.
     *
     * @throws Problem 412
     */
    async beat(stored: StoredService, request: ApiRequest): Promise<boolean> {
      const { id, value } = stored;
      ifMatch(request, etagOf(stored), `liveness of service ${id}`);
      pulses.set(id, { lastMs: clock.nowMs(), beats: pulseOf(id).beats + 1 });
      watch(id, value.service.livenessInterval!);
      const wasSuspended = value.service.state === "SUSPENDED";
      if (wasSuspended) await services().setState(stored, "ACTIVE");
      return wasSuspended;
    },
  };
}
