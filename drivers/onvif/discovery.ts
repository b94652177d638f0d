/**
 * Sends a probe and gathers the answers: to a group on each interface, or to one address.
 *
 * A probe goes out again after a moment, since UDP loses some (SOAP-over-UDP 1.1 section 3.2); an answer that comes
 * twice counts once. The answers' number is bounded: nothing says that only cameras answer.
 */
import { randomUUID } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";
import { type ProbeMatch, probeMessage, readProbeMatches } from "./discovery-message.ts";

export interface Target {
  address: string;
  port: number;
  /** For a group: the own address, for IPv6 with a zone, whose interface it goes out of. */
  from?: string;
}

export interface Answer extends ProbeMatch {
  /** The sender's address. */
  sender: string;
}

const discoveryPort = 3702;
const repeatMs = 200;
const maxAnswers = 1000;

/** The groups of ONVIF Core section 7.3.1 on each interface that is up. */
export function groups(): Target[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses.flatMap(({ address, family, internal }): Target[] => {
      if (internal) return [];
      if (family === "IPv4") return [{ address: "239.255.255.250", port: discoveryPort, from: address }];
      if (!address.startsWith("fe80")) return [];
      return [{ address: `ff02::c%${name}`, port: discoveryPort, from: `::%${name}` }];
    }),
  );
}

/** Yields each device as soon as it answers, until `waitMs` are over or the signal aborts. */
export async function* probe(
  targets: readonly Target[],
  { waitMs, signal }: { waitMs: number; signal: AbortSignal },
): AsyncGenerator<Answer> {
  const id = randomUUID();
  const message = probeMessage(id);
  const ready: Answer[] = [];
  const seen = new Set<string>();
  let wake = Promise.withResolvers<void>();
  const until = AbortSignal.any([signal, AbortSignal.timeout(waitMs)]);
  const onEnd = (): void => wake.resolve();
  until.addEventListener("abort", onEnd, { once: true });

  const sockets = targets.map((target) => {
    const socket = createSocket({ type: isIPv6(target.address.replace(/%.*/, "")) ? "udp6" : "udp4" });
    // An interface without a route is no reason to fail: others may answer.
    socket.on("error", () => {});
    socket.on("message", (bytes, { address }) => {
      for (const match of readProbeMatches(bytes.toString("utf8"), id)) {
        if (seen.has(match.id) || seen.size >= maxAnswers) continue;
        seen.add(match.id);
        ready.push({ ...match, sender: address });
        wake.resolve();
      }
    });
    socket.bind(0, () => send(socket, target, message));
    return { socket, target };
  });
  const again = setTimeout(() => {
    for (const { socket, target } of sockets) send(socket, target, message);
  }, repeatMs);

  try {
    while (!until.aborted || ready.length > 0) {
      const next = ready.shift();
      if (next) yield next;
      else {
        await wake.promise;
        wake = Promise.withResolvers<void>();
      }
    }
  } finally {
    clearTimeout(again);
    until.removeEventListener("abort", onEnd);
    for (const { socket } of sockets) socket.close();
  }
}

function send(socket: Socket, { address, port, from }: Target, message: string): void {
  try {
    if (from !== undefined) socket.setMulticastInterface(from);
    socket.send(message, port, address, () => {});
  } catch {
    // As above: this interface can't send.
  }
}
