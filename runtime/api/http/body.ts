import type { IncomingMessage } from "node:http";
import { badRequest, Problem } from "./problem.ts";

/** Deeper ones are refused: recursive schemas and handlers would follow them down the stack. */
const deepest = 32;

/** The media type of a request, in small letters and without parameters; `""` when it has none. */
export function mediaType(contentType: string | undefined): string {
  return (contentType ?? "").split(";")[0]!.trim().toLowerCase();
}

/**
 * Reads a body, no farther than it may go.
 *
 * @throws Problem 413, and then the connection is to be closed; 400 when the client breaks off
 */
export function readBytes(incoming: IncomingMessage, mostBytes: number): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  if (Number(incoming.headers["content-length"] ?? 0) > mostBytes) return Promise.reject(tooLarge(mostBytes));
  const chunks: Buffer[] = [];
  let bytes = 0;
  const onData = (chunk: Buffer): void => {
    bytes += chunk.length;
    if (bytes <= mostBytes) {
      chunks.push(chunk);
      return;
    }
    incoming.off("data", onData);
    incoming.pause();
    reject(tooLarge(mostBytes));
  };
  incoming.on("data", onData);
  incoming.once("end", () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
  incoming.once("error", () => reject(brokenOff()));
  incoming.once("close", () => reject(brokenOff()));
  return promise;
}

/**
 * JSON as a value, a form (RFC 6749 appendix B) as an object of texts, others as bytes.
 *
 * @throws Problem 400
 */
export function parseBody(bytes: Buffer, type: string): unknown {
  if (type === "application/json" || type.endsWith("+json")) return parseJson(textOf(bytes));
  if (type === "application/x-www-form-urlencoded") return parseForm(textOf(bytes));
  return bytes;
}

function parseJson(text: string): unknown {
  checkDepth(text);
  try {
    const suspicious = text.includes("__proto__") || text.includes("\\u");
    return JSON.parse(text, suspicious ? refuseTraps : undefined);
  } catch (cause) {
    if (cause instanceof Problem) throw cause;
    const empty = text.trim() === "";
    throw badRequest(
      empty ? "the body is empty" : `the body is no JSON: ${(cause as Error).message.slice(0, 200)}`,
    );
  }
}

/** Half a character (RFC 7493 section 2.1) fails where it is encoded; `__proto__`, merged into an object, changes what that is. */
function refuseTraps(key: string, value: unknown): unknown {
  if (key === "__proto__") throw badRequest("the body has a key __proto__");
  const wellFormed = key.isWellFormed() && (typeof value !== "string" || value.isWellFormed());
  if (!wellFormed) throw badRequest("the body has half of a surrogate pair");
  return value;
}

/** Before the text is parsed: what is parsed can be as deep as it is long. */
function checkDepth(text: string): void {
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === 0x22) quoted = !quoted;
    else if (quoted) at += char === 0x5c ? 1 : 0;
    else if (char === 0x5b || char === 0x7b) {
      if (++depth > deepest) throw badRequest(`the body is nested deeper than ${deepest}`);
    } else if (char === 0x5d || char === 0x7d) depth--;
  }
}

function parseForm(text: string): Record<string, string> {
  const form: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(text)) {
    if (name === "__proto__") throw badRequest("the body has a key __proto__");
    if (Object.hasOwn(form, name)) throw badRequest(`${name.slice(0, 80)} is given twice`);
    form[name] = value;
  }
  return form;
}

function textOf(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw badRequest("the body is no UTF-8");
  }
}

function tooLarge(mostBytes: number): Problem {
  return new Problem(413, "API_TOO_LARGE", `the body is larger than ${mostBytes} bytes`, {
    headers: { connection: "close" },
  });
}

function brokenOff(): Problem {
  return badRequest("the body broke off");
}
