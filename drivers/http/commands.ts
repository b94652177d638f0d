import type { Command, Host } from "../../runtime/plugin/sdk.ts";
import { authorized, type Keys } from "./authorized.ts";
import { exchange } from "./exchange.ts";
import { isJsonType, parseJson } from "./fetch-json.ts";
import { HttpError } from "./http-error.ts";
import type { CommandOptions, RequestOptions } from "./options.ts";

/** Commands of one request that run at a time; more are refused with `HTTP_BUSY`, none waits. */
export const mostCommands = 4;

/** What a command's sender gets. */
export interface CommandReply {
  /** The API's status, whether success or not. */
  status: number;
  /** The answer's JSON, at most `maxBytes` of it; `null` when it was empty or no JSON. */
  body: unknown;
}

/** Answers the commands of the request `name`, each at `name/command`. */
export function answerCommands(name: string, request: RequestOptions, host: Host, keys: Keys): void {
  let running = 0;
  for (const [command, options] of Object.entries(request.commands)) {
    host.onCommand(`${name}/${command}`, async (given, signal) => {
      if (running >= mostCommands) {
        const reason = `${given.point}: ${running} commands of this request are under way`;
        throw new HttpError("HTTP_BUSY", reason, { hint: "send it again later" });
      }
      running += 1;
      try {
        return await send(options, request, given, keys, signal);
      } finally {
        running -= 1;
      }
    });
  }
}

async function send(
  { url, method, headers, body: template }: CommandOptions,
  { auth, timeoutMs, maxBytes }: RequestOptions,
  command: Command,
  keys: Keys,
  signal: AbortSignal,
): Promise<CommandReply> {
  const body = fillTemplate(template, command);
  const wantsBody = () => true;
  const rest = { url, method, headers, body, timeoutMs, maxBytes, wantsBody, signal };
  const answer = await authorized(
    keys,
    auth,
    signal,
    (credentials) => exchange({ ...rest, credentials }),
    (outcome) => "answer" in outcome && outcome.answer.status === 401,
  );
  return { status: answer.status, body: replyOf(answer.body, answer.headers) };
}

/** What was done is done: an answer that is no JSON does not make the command fail. */
function replyOf(body: Buffer, headers: Headers): unknown {
  if (body.byteLength === 0 || !isJsonType(headers.get("content-type") ?? "")) return null;
  try {
    return parseJson(body, "the answer");
  } catch {
    return null;
  }
}

/** `template` with each `"$value"` replaced by the command's value. Throws `HTTP_VALUE_MISSING`. */
export function fillTemplate(template: unknown, command: Pick<Command, "point" | "value">): unknown {
  if (template === "$value") {
    if (command.value !== undefined) return command.value;
    const hint = "send a JSON value with the command";
    throw new HttpError("HTTP_VALUE_MISSING", `${command.point} needs a value and got none`, { hint });
  }
  if (Array.isArray(template)) return template.map((part) => fillTemplate(part, command));
  if (typeof template !== "object" || template === null) return template;
  return Object.fromEntries(
    Object.entries(template).map(([key, part]) => [key, fillTemplate(part, command)]),
  );
}
