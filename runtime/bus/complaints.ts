/**
 * What nats-server's own log and events say of a client that it refused something.
 *
 * There is no event for a refused publish or subscription: only a line of the log tells the node of it. It names the
 * connection, what the client calls itself, and the account, in this order. What the client chose is quoted as Go's
 * `%q` does, so neither a quote nor a line break in its name can pass for another account.
 */
import type { Refusal } from "../emit-wire.ts";
import type { BusRefusal } from "./limits.ts";

export interface Complaint {
  /** Public key of the account; `undefined` where nats-server does not say it. */
  account: string | undefined;
  /** `undefined`: an event tells the same, with the account. */
  refusal: (Refusal & { code: BusRefusal }) | undefined;
}

const client = /^\S+ - cid:\d+ - (?:"(?:[^"\\]|\\.)*" - "(A[A-Z2-7]{55})\/[^"]*" - )?(.*)$/s;

/** Reads a warning or error of nats-server's log; `undefined` when it is not about what a client did. */
export function parseComplaint(line: string): Complaint | undefined {
  const [, account, text = ""] = client.exec(line) ?? [];
  const shown = text.slice(0, 300);
  if (text.startsWith("Publish Violation")) return { account, refusal: { code: "BUS_PUBLISH", text: shown } };
  if (text.startsWith("Subscription Violation"))
    return { account, refusal: { code: "BUS_SUBSCRIBE", text: shown } };
  if (text === "maximum subscriptions exceeded")
    return { account, refusal: { code: "BUS_SUBSCRIPTIONS", text: shown } };
  if (text.startsWith("maximum payload exceeded") || text === "maximum account active connections exceeded")
    return { account, refusal: undefined };
  return undefined;
}

/** Why nats-server closed a client's connection, where that was the client's own doing. */
export function refusalOfClosing(reason: string): (Refusal & { code: BusRefusal }) | undefined {
  const code = (closings as Record<string, BusRefusal>)[reason];
  return code && { code, text: reason };
}

const closings = {
  "Maximum Account Connections Exceeded": "BUS_CONNECTIONS",
  "Maximum Message Payload Exceeded": "BUS_PAYLOAD",
  "Slow Consumer (Pending Bytes)": "BUS_UNREAD",
  "Slow Consumer (Write Deadline)": "BUS_UNREAD",
} as const satisfies Record<string, BusRefusal>;
