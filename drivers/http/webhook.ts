/**
 * One webhook: what is posted to it becomes samples, by the same mapping as an answer that is polled.
 *
 * The order of things is a promise to the sender: 204 means that the samples are on disk. What can't be stored now is
 * answered 503 with `Retry-After`, and the sender has to come again; nothing waits in memory. Senders that deliver
 * again although they got a 204 (or whose connection broke before it came) give the samples twice; an observation
 * time makes them the same samples at the hub's.
 *
 * | status | because |
 * |---|---|
 * | 204 | stored |
 * | 400 | the body is no JSON |
 * | 401 | the sender is not known |
 * | 405 | another method than POST |
 * | 408 | the body did not come in time |
 * | 413 | the body is longer than `maxBytes` |
 * | 415 | the body does not call itself JSON |
 * | 422 | none of the points can be read from it |
 * | 503 | it can't be stored now, a secret is missing, or too many are under way |
 */
import type { IncomingHttpHeaders } from "node:http";
import { type Host, isUmecError, messageOf } from "../../runtime/plugin/sdk.ts";
import { emitAll } from "./emit-all.ts";
import { isJsonType, parseJson } from "./fetch-json.ts";
import { mapFields } from "./map-fields.ts";
import type { Notices } from "./notices.ts";
import type { WebhookOptions } from "./options.ts";
import { isKnownSender } from "./webhook-auth.ts";

/** A request as far as a webhook sees it. */
export interface Posted {
  method: string;
  headers: IncomingHttpHeaders;
  /** Rejects with `HTTP_TOO_LARGE`, or `HTTP_TIMEOUT`. */
  read(maxBytes: number): Promise<Uint8Array>;
}

export interface Reply {
  status: number;
  headers?: Record<string, string>;
  /** For people: the title of a problem document. */
  title?: string;
  detail?: string;
}

type WebhookHost = Pick<Host, "emit" | "secrets">;

/** Longest time for the samples to reach the disk; then the sender has to come again. */
const storeTimeoutMs = 20_000;
/** How long a sender is asked to stay away, in seconds. */
const retryAfterS = { overloaded: 5, refused: 30 };

/** Takes what was posted to the webhook `name`. Rejects with nothing but the reason of `signal`. */
export async function receive(
  name: string,
  options: WebhookOptions,
  posted: Posted,
  host: WebhookHost,
  notices: Notices,
  signal: AbortSignal,
): Promise<Reply> {
  if (posted.method !== "POST")
    return { status: 405, headers: { allow: "POST" }, title: "only POST is taken" };
  const tell = (kind: string, message: string): void =>
    notices.settle(`${name} sender`, [{ topic: `${name}: webhook`, kind, message: `${name}: ${message}` }]);
  try {
    const before = await refusal(options, posted, host);
    if (before) {
      tell(String(before.status), `a request is refused: ${before.title}`);
      return before;
    }
    const body = await posted.read(options.maxBytes);
    if (!(await isKnownSender(options.auth, host.secrets, posted.headers, body))) {
      tell("401", "a request is refused: its signature is wrong");
      return unknownSender(options, "the signature is wrong");
    }
    const reply = await store(name, options, parseJson(body, "the body"), host, notices, signal);
    notices.settle(`${name} sender`, []);
    return reply;
  } catch (error) {
    signal.throwIfAborted();
    const reply = replyTo(error);
    tell(isUmecError(error) ? error.code : "unexpected", `a request is refused: ${messageOf(error)}`);
    return reply;
  }
}

/** What can be told before the body is read. */
async function refusal(
  options: WebhookOptions,
  posted: Posted,
  host: WebhookHost,
): Promise<Reply | undefined> {
  if (!(await isKnownSender(options.auth, host.secrets, posted.headers)))
    return unknownSender(options, "the credentials are missing or wrong");
  if (!options.anyContentType && !isJsonType(posted.headers["content-type"] ?? ""))
    return { status: 415, title: "JSON is needed", headers: { accept: "application/json" } };
  return undefined;
}

function unknownSender({ auth }: WebhookOptions, title: string): Reply {
  const headers = auth.kind === "bearer" ? { "www-authenticate": "Bearer" } : {};
  return { status: 401, title, headers };
}

async function store(
  name: string,
  options: WebhookOptions,
  document: unknown,
  host: WebhookHost,
  notices: Notices,
  signal: AbortSignal,
): Promise<Reply> {
  const { groups, problems } = mapFields(name, document, options);
  notices.settle(
    `${name} fields`,
    problems.map((problem) => ({ ...problem, topic: `${name}: ${problem.topic}` })),
  );
  const samples = groups.flatMap((group) => group.samples);
  if (samples.length === 0) {
    const detail = problems.slice(0, 5).map(({ message }) => message);
    return { status: 422, title: "nothing of it can be read", detail: detail.join("; ") };
  }
  const until = AbortSignal.any([signal, AbortSignal.timeout(storeTimeoutMs)]);
  const refused = await emitAll(host, samples, { lane: options.lane, signal: until });
  notices.settle(`${name} refused`, refused);
  if (refused.length === samples.length)
    return { status: 422, title: "nothing of it can be stored", detail: refused[0]!.message };
  return { status: 204 };
}

function replyTo(error: unknown): Reply {
  if (isUmecError(error, "HTTP_TOO_LARGE")) return { status: 413, title: "the body is too long" };
  if (isUmecError(error, "HTTP_TIMEOUT"))
    return { status: 408, title: "the body did not come in time", headers: { connection: "close" } };
  if (isUmecError(error, "HTTP_INVALID_JSON")) return { status: 400, title: "the body is no JSON" };
  const after = isUmecError(error, "EMIT_OVERLOADED") ? retryAfterS.overloaded : retryAfterS.refused;
  // Why is nothing that a sender must know.
  return { status: 503, title: "it can't be stored now", headers: { "retry-after": String(after) } };
}
