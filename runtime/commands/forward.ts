import { setTimeout as delay } from "node:timers/promises";
import type { Msg, NatsConnection } from "@nats-io/nats-core";
import { commandHeaders, maxTtlMs } from "../command-wire.ts";
import { UmecError } from "../errors.ts";
import type { Command } from "../plugin/contract.ts";
import { checkedRoot, pathToTokens } from "../subjects.ts";
import { isNobody, replyOf } from "./reply.ts";

const pauseMs = 50;

/**
 * Passes a command that the gate has let through on to the plugin's own program, and gives its reply. The program
 * learns when the command ends by `Umec-Expires`: it is on the same clock.
 *
 * @param connection in the plugin's account
 * @param signal ends the wait: the command has expired, took too long, or the plugin stops
 * @param readyByMs by `performance.now()`: until then a program that does not take commands yet is waited for
 * @throws UmecError the program's own code; `COMMAND_NOT_READY`: it takes none; `COMMAND_REPLY_INVALID`
 */
export async function forwardCommand(
  connection: NatsConnection,
  { point, value, by, withinMs }: Command,
  signal: AbortSignal,
  readyByMs: number,
): Promise<unknown> {
  const endMs = performance.now() + withinMs;
  const subject = `${checkedRoot}.${pathToTokens(point)}`;
  const body = value === undefined ? undefined : JSON.stringify(value);
  const ask = (): Promise<Msg> => {
    signal.throwIfAborted();
    const ttlMs = Math.min(maxTtlMs, Math.max(1, Math.ceil(endMs - performance.now())));
    const headers = commandHeaders({ by, ttlMs, expiresMs: Date.now() + ttlMs });
    // The time is the signal's to tell; this one only keeps the request from being waited for any longer.
    return connection.request(subject, body, { timeout: ttlMs + 1_000, headers });
  };
  for (;;) {
    try {
      return replyOf(await ask(), point);
    } catch (error) {
      if (!isNobody(error)) throw error;
      if (performance.now() >= readyByMs) {
        throw new UmecError("COMMAND_NOT_READY", `${point}: the program takes no commands`, {
          cause: error,
          hint: "send it again later; the program must subscribe to what UMEC_COMMANDS says",
        });
      }
      await delay(pauseMs, undefined, { signal });
    }
  }
}
