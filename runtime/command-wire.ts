/**
 * What both ends of a command agree on, whoever sends it and the plugin, as NATS messages between them.
 *
 * A request to `command.<point>` has a JSON value as its body, or none. Its headers:
 *
 * | header | says |
 * |---|---|
 * | `Umec-Ttl: <ms>` | the command must be done this long after it arrived |
 * | `Umec-Expires: <Unix ms>` | and before this moment, by the node's clock |
 * | `Umec-By` | who asks; it is what the sender claims, and is only logged |
 *
 * The answer is the JSON of what the driver returned (empty for nothing), or bytes under `Content-Type:
 * application/octet-stream`, or the error headers of emit-wire.ts.
 *
 * Expiry. A command that lay in a sending buffer while a link was down comes late, and nobody at the node can see
 * that from a time to live alone, since it begins where the command arrives. So there is the moment, too; but it is
 * only as good as the two clocks. The rules: where the node's clock is known, both hold, so a sender whose clock is
 * fast gets no more than its ttl, and one whose clock is slow is refused with the difference in the text. Where it
 * is not known (a board without a battery, before its first time), the ttl alone holds; a command that has the
 * moment only is refused, as nobody can tell whether it has passed. A command without either never expires.
 */
import { headers, type Msg, type MsgHdrs } from "@nats-io/nats-core";
import type { Clock } from "./clock.ts";
import { headerText } from "./emit-wire.ts";
import { UmecError } from "./errors.ts";

export const ttlHeader = "Umec-Ttl";
export const expiresHeader = "Umec-Expires";
export const byHeader = "Umec-By";

const contentTypeHeader = "Content-Type";
const bytesType = "application/octet-stream";

/** Longest time to live, in milliseconds: one day. */
export const maxTtlMs = 86_400_000;
const longestBy = 100;

export interface CommandHeaders {
  by: string;
  ttlMs: number;
  /** In Unix milliseconds. Left out where sender and node have the same clock. */
  expiresMs?: number;
}

export function commandHeaders({ by, ttlMs, expiresMs }: CommandHeaders): MsgHdrs {
  const lines = headers();
  lines.set(byHeader, headerText(by.slice(0, longestBy)));
  lines.set(ttlHeader, String(ttlMs));
  if (expiresMs !== undefined) lines.set(expiresHeader, String(Math.round(expiresMs)));
  return lines;
}

/** Who asks, as they say. */
export function askerOf({ headers: lines }: Pick<Msg, "headers">): string {
  return headerText(lines?.get(byHeader)?.slice(0, longestBy) || "unknown");
}

/**
 * Milliseconds that a command which has just arrived still has; `Infinity` when it never expires.
 *
 * @throws UmecError `COMMAND_EXPIRED`; `COMMAND_INVALID` for a header that is no number
 */
export function timeLeftMs({ headers: lines }: Pick<Msg, "headers">, clock: Clock): number {
  const ttlMs = numberIn(lines, ttlHeader, 1, maxTtlMs);
  const expiresMs = numberIn(lines, expiresHeader, 0, 8.64e15);
  if (expiresMs === undefined) return ttlMs ?? Number.POSITIVE_INFINITY;
  if (!clock.known()) {
    if (ttlMs !== undefined) return ttlMs;
    const text = "nobody can tell whether it has expired: the node's clock is not known yet";
    throw new UmecError("COMMAND_EXPIRED", text, { hint: `say ${ttlHeader}, too, or wait` });
  }
  const leftMs = expiresMs - clock.nowMs();
  if (leftMs <= 0) {
    throw new UmecError("COMMAND_EXPIRED", `it expired ${Math.ceil(-leftMs)} ms ago by the node's clock`, {
      hint: "send it again; if it was just sent, the two clocks differ",
    });
  }
  return Math.min(leftMs, ttlMs ?? Number.POSITIVE_INFINITY);
}

function numberIn(lines: MsgHdrs | undefined, name: string, min: number, max: number): number | undefined {
  const text = lines?.get(name);
  if (!text) return undefined;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  const given = JSON.stringify(text.slice(0, 40));
  throw new UmecError("COMMAND_INVALID", `${name} is ${given}, ${min} to ${max} milliseconds are needed`);
}

/** A reply's body and headers. Throws what `JSON.stringify` does for what JSON can't say. */
export function encodeReply(reply: unknown): { body?: string | Uint8Array; headers?: MsgHdrs } {
  if (reply instanceof Uint8Array) {
    const lines = headers();
    lines.set(contentTypeHeader, bytesType);
    return { body: reply, headers: lines };
  }
  const body = JSON.stringify(reply);
  return body === undefined ? {} : { body };
}

/** What the driver returned: a JSON value, bytes, or `undefined`. */
export function decodeReply(answer: Pick<Msg, "headers" | "data">): unknown {
  if (answer.headers?.get(contentTypeHeader) === bytesType) return new Uint8Array(answer.data);
  if (answer.data.length === 0) return undefined;
  return JSON.parse(new TextDecoder().decode(answer.data));
}
