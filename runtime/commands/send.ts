import { errors, type NatsConnection } from "@nats-io/nats-core";
import { commandHeaders } from "../command-wire.ts";
import { messageOf, UmecError } from "../errors.ts";
import { isNobody, replyOf } from "./reply.ts";

export interface SendOptions {
  /** Where the plugin's `command.<point>` is in the connection's account. */
  subject: string;
  /** `node/plugin/point`, for errors. */
  name: string;
  /** A JSON value, or `undefined` for none. */
  value: unknown;
  /** Who asks. */
  by: string;
  /** In this time it must be done. */
  ttlMs: number;
  /** Whether the node's clock is another one than ours: then the command says the moment of its end, too. */
  remote: boolean;
}

/** The plugin itself gives a handler no more than this. */
const longestRunMs = 30_000;
/** For the way there and back. */
const wayMs = 3_000;

/**
 * Sends a command and waits for what the driver returned: a JSON value, bytes, or `undefined`.
 *
 * @throws UmecError with the plugin's code; `COMMAND_UNREACHABLE`: nobody takes it; `COMMAND_NO_ANSWER`: it may have
 *   been done
 */
export async function sendCommand(connection: NatsConnection, options: SendOptions): Promise<unknown> {
  const { subject, name, value, by, ttlMs, remote } = options;
  const body = value === undefined ? undefined : JSON.stringify(value);
  const expiry = remote ? { expiresMs: Date.now() + ttlMs } : {};
  const timeout = Math.min(ttlMs, longestRunMs) + wayMs;
  const answer = await connection
    .request(subject, body, { timeout, headers: commandHeaders({ by, ttlMs, ...expiry }) })
    .catch((cause: unknown) => {
      throw unanswered(cause, name, timeout);
    });
  return replyOf(answer, name);
}

function unanswered(cause: unknown, name: string, timeoutMs: number): UmecError {
  if (isNobody(cause)) {
    return new UmecError("COMMAND_UNREACHABLE", `nobody takes commands at ${name}`, {
      cause,
      hint: "is there such a plugin, does it run, and is its node linked? See `umec status` there",
    });
  }
  const reason = cause instanceof errors.TimeoutError ? `no answer within ${timeoutMs} ms` : messageOf(cause);
  return new UmecError("COMMAND_NO_ANSWER", `${name}: ${reason}; whether it was done is not known`, {
    cause,
    hint: "read the point back, or send it again",
  });
}
