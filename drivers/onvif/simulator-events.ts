/** Pull points of a simulated camera: each has a queue, a life, and a parameter that must come back in the header. */
import { randomUUID } from "node:crypto";
import { EventEmitter, once } from "node:events";
import type { SimulatedEvent, SimulatorState } from "./simulator-state.ts";
import { escapeXml } from "./xml.ts";

interface PullPoint {
  queue: SimulatedEvent[];
  expiresMs: number;
  lifeMs: number;
}

export interface SimulatedEvents {
  /** Answers an operation at `/onvif/events` or at a pull point; a text that starts with `!` is a fault. */
  answer(operation: string, path: string, request: string, base: string): Promise<string | undefined>;
  emit(event: SimulatedEvent): void;
  /** Forgets all pull points, as after a start. */
  forget(): void;
  readonly open: number;
  /** Pulls that wait. */
  readonly waiting: number;
  /** Resolves when a subscription came or went, or a pull begins to wait. */
  changed(): Promise<unknown>;
}

export function createEvents(state: SimulatorState): SimulatedEvents {
  const points = new Map<string, PullPoint>();
  let waiting = 0;
  const wake = new EventEmitter();
  wake.setMaxListeners(0);

  function pointOf(path: string, request: string): PullPoint | undefined {
    const id = path.match(/^\/onvif\/pull\/([\w-]+)$/)?.[1];
    const named = request.match(/<\w+:PullId[^>]*>([\w-]+)<\/\w+:PullId>/)?.[1];
    const point = id === undefined || id !== named ? undefined : points.get(id);
    if (!point || point.expiresMs < Date.now()) return undefined;
    return point;
  }

  return {
    async answer(operation, path, request, base) {
      if (state.misbehaviour.noEvents) return "!ter:ActionNotSupported";
      const isoAt = (ms: number): string => new Date(ms + state.clockMs).toISOString();
      if (operation === "CreatePullPointSubscription") {
        const id = randomUUID();
        const lifeMs = Number(request.match(/InitialTerminationTime>PT(\d+)S</)?.[1] ?? 60) * 1000;
        points.set(id, { queue: [], lifeMs, expiresMs: Date.now() + lifeMs });
        wake.emit("changed");
        return (
          `<tev:CreatePullPointSubscriptionResponse><tev:SubscriptionReference><wsa5:Address>${base}/onvif/pull/${id}</wsa5:Address>` +
          `<wsa5:ReferenceParameters><acme:PullId xmlns:acme="urn:acme">${id}</acme:PullId></wsa5:ReferenceParameters></tev:SubscriptionReference>` +
          `<wsnt:CurrentTime>${isoAt(Date.now())}</wsnt:CurrentTime><wsnt:TerminationTime>${isoAt(Date.now() + lifeMs)}</wsnt:TerminationTime></tev:CreatePullPointSubscriptionResponse>`
        );
      }
      const point = pointOf(path, request);
      if (!point) return "!wsrf-rw:ResourceUnknownFault";
      const now = isoAt(Date.now());
      switch (operation) {
        case "SetSynchronizationPoint":
          point.queue.push(
            ...[...state.properties.values()].map((each) => ({ ...each, operation: "Initialized" as const })),
          );
          wake.emit("events");
          return "<tev:SetSynchronizationPointResponse/>";
        case "PullMessages": {
          const waitMs = Number(request.match(/<Timeout>PT([\d.]+)S</)?.[1] ?? 0) * 1000;
          if (point.queue.length === 0) {
            waiting += 1;
            wake.emit("changed");
            await once(wake, "events", { signal: AbortSignal.timeout(waitMs) }).catch(() => {});
            waiting -= 1;
          }
          if (!points.has(path.slice(path.lastIndexOf("/") + 1))) return "!wsrf-rw:ResourceUnknownFault";
          if (state.misbehaviour.noRenew) point.expiresMs = Date.now() + point.lifeMs;
          const messages = point.queue.splice(0, 100).map((event) => messageOf(event, now));
          return `<tev:PullMessagesResponse><tev:CurrentTime>${now}</tev:CurrentTime><tev:TerminationTime>${isoAt(point.expiresMs)}</tev:TerminationTime>${messages.join("")}</tev:PullMessagesResponse>`;
        }
        case "Renew":
          if (state.misbehaviour.noRenew) return "!ter:ActionNotSupported";
          point.expiresMs = Date.now() + point.lifeMs;
          return `<wsnt:RenewResponse><wsnt:TerminationTime>${isoAt(point.expiresMs)}</wsnt:TerminationTime></wsnt:RenewResponse>`;
        case "Unsubscribe":
          points.delete(path.slice(path.lastIndexOf("/") + 1));
          wake.emit("changed");
          return "<wsnt:UnsubscribeResponse/>";
        default:
          return undefined;
      }
    },
    emit(event) {
      if (event.operation !== "Deleted" && event.data)
        state.properties.set(`${event.topic} ${JSON.stringify(event.source)}`, event);
      for (const { queue } of points.values()) queue.push(event);
      wake.emit("events");
    },
    forget() {
      points.clear();
      wake.emit("events");
      wake.emit("changed");
    },
    get waiting() {
      return waiting;
    },
    get open() {
      return points.size;
    },
    changed: () => once(wake, "changed"),
  };
}

function messageOf(
  { topic, source = {}, data = {}, operation = "Changed", utc }: SimulatedEvent,
  now: string,
): string {
  const items = (all: Record<string, string>): string =>
    Object.entries(all)
      .map(([name, value]) => `<tt:SimpleItem Name="${escapeXml(name)}" Value="${escapeXml(value)}"/>`)
      .join("");
  return (
    `<wsnt:NotificationMessage><wsnt:Topic Dialect="http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet">${escapeXml(topic)}</wsnt:Topic>` +
    `<wsnt:Message><tt:Message UtcTime="${utc ?? now}" PropertyOperation="${operation}"><tt:Source>${items(source)}</tt:Source><tt:Data>${items(data)}</tt:Data></tt:Message></wsnt:Message></wsnt:NotificationMessage>`
  );
}
