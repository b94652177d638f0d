import { type Validators, validatorsOf } from "./conditional.ts";
import { exchange, type HttpAnswer, type HttpRequest } from "./exchange.ts";
import { HttpError, shownUrl } from "./http-error.ts";
import { isProblemType, readProblem } from "./problem-details.ts";
import { retryAfterMs } from "./retry-after.ts";

export type Fetched =
  | {
      changed: true;
      document: unknown;
      validators: Validators | undefined;
      /** The URL that answered. */
      url: string;
      /** The header `Link`. */
      link: string | null;
    }
  /** A 304: what was fetched before still holds. */
  | { changed: false };

export interface JsonRequest extends Omit<HttpRequest, "wantsBody"> {
  /** Whether JSON is taken under any content type. */
  anyContentType: boolean;
  /** Unix time in milliseconds, `undefined` while the clock is not known. */
  nowMs: number | undefined;
}

/** Asks for a JSON document. Rejects with {@link HttpError}, also for every status but 2xx and a 304 asked for. */
export async function fetchJson(request: JsonRequest): Promise<Fetched> {
  const answer = await exchange({
    ...request,
    wantsBody: (status, type) => isSuccess(status) || isProblemType(type),
  });
  const { status, headers, url, body } = answer;
  if (status === 304 && answer.conditional) return { changed: false };
  if (!isSuccess(status)) throw refusal(answer, request.nowMs);
  const type = headers.get("content-type") ?? "";
  if (!request.anyContentType && !isJsonType(type)) {
    const given = type === "" ? "does not say its content type" : `is ${JSON.stringify(type.slice(0, 60))}`;
    throw new HttpError("HTTP_CONTENT_TYPE", `the answer of ${shownUrl(url)} ${given}, not JSON`, {
      hint: "set anyContentType if it is JSON all the same",
    });
  }
  const document = parseJson(body, `the answer of ${shownUrl(url)}`);
  return { changed: true, document, validators: validatorsOf(url, headers), url, link: headers.get("link") };
}

export function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

/** `application/json` and its kin (RFC 8259 section 11, RFC 6839 section 3.1). */
export function isJsonType(contentType: string): boolean {
  return /^\s*(?:[\w.+-]+\/[\w.+-]+\+|(?:application|text)\/)json\s*(?:;|$)/i.test(contentType);
}

/**
 * UTF-8 (RFC 8259 section 8.1), a byte order mark in front allowed. Throws `HTTP_INVALID_JSON`; `what` it is, is said
 * in the message.
 */
export function parseJson(body: Uint8Array, what: string): unknown {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    throw invalid(what, body, "is not UTF-8");
  }
  if (text.trim() === "") throw invalid(what, body, "is empty");
  try {
    return JSON.parse(text);
  } catch (error) {
    // The rest of the parser's message quotes the text.
    const position = /at position (\d+)/.exec(String(error))?.[1];
    throw invalid(
      what,
      body,
      position === undefined ? "ends too early" : `is no JSON from character ${position} on`,
    );
  }
}

function invalid(what: string, body: Uint8Array, reason: string): HttpError {
  const size = body.byteLength === 0 ? "" : ` (of ${body.byteLength} bytes)`;
  return new HttpError("HTTP_INVALID_JSON", `${what}${size} ${reason}`);
}

function refusal({ url, status, headers, body }: HttpAnswer, nowMs: number | undefined): HttpError {
  const waitMs = status === 429 || status === 503 ? retryAfterMs(headers, nowMs) : undefined;
  const wait = waitMs === undefined ? "" : ` and asks to stay away for ${Math.ceil(waitMs / 1000)} s`;
  const problem = readProblem(body);
  const said = problem === undefined ? "" : `: ${problem}`;
  return new HttpError("HTTP_STATUS", `${shownUrl(url)} answers ${status}${wait}${said}`, {
    detail: String(status),
    retryAfterMs: waitMs,
    problem,
    ...(status === 401 || status === 403 ? { hint: "check auth and the secret that it names" } : {}),
  });
}
