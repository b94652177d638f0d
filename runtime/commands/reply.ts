import { errors, type Msg } from "@nats-io/nats-core";
import { decodeReply } from "../command-wire.ts";
import { refusalOf } from "../emit-wire.ts";
import { messageOf, UmecError } from "../errors.ts";

/**
 * What a command's answer holds: a JSON value, bytes, or `undefined`.
 *
 * @throws UmecError with the code of a refusal; `COMMAND_REPLY_INVALID`
 */
export function replyOf(answer: Msg, name: string): unknown {
  const refusal = refusalOf(answer);
  if (refusal) {
    const { code, text, hint } = refusal;
    throw new UmecError(code, text, hint === undefined ? {} : { hint });
  }
  try {
    return decodeReply(answer);
  } catch (cause) {
    throw new UmecError("COMMAND_REPLY_INVALID", `${name}: the reply is no JSON: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** Whether a request failed as nobody takes it. */
export function isNobody(error: unknown): boolean {
  return (
    error instanceof errors.NoRespondersError ||
    (error instanceof Error && error.cause instanceof errors.NoRespondersError)
  );
}
