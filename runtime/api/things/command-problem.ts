import { isUmecError } from "../../errors.ts";
import { Problem } from "../http/problem.ts";

/** What the node and the plugin host say (runtime/plugin/commands.ts), as HTTP says it. */
const statusOf: Readonly<Record<string, number>> = {
  COMMAND_INVALID: 400,
  COMMAND_POINT: 400,
  COMMAND_UNKNOWN: 404,
  COMMAND_UNREACHABLE: 409,
  COMMAND_READ_ONLY: 409,
  COMMAND_BUSY: 409,
  COMMAND_NOT_READY: 409,
  COMMAND_EXPIRED: 504,
  COMMAND_TIMEOUT: 504,
  COMMAND_NO_ANSWER: 504,
};

/**
 * A command's failure as a refusal, with its code and its words. A driver's own code, such as `MODBUS_TIMEOUT`, is a
 * conflict with the device's state (409). What is no error of ours is thrown as it is.
 */
export function commandProblem(error: unknown): Problem {
  if (!isUmecError(error)) throw error;
  const { code, message, hint } = error;
  return new Problem(statusOf[code] ?? 409, code, message, {
    cause: error,
    ...(hint !== undefined && { hint }),
  });
}
