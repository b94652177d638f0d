import { UmecError } from "../../runtime/plugin/sdk.ts";

/**
 * Why a request came to nothing. Messages name the request's URL without its query, never a header or a body.
 *
 * | code | meaning |
 * |---|---|
 * | `HTTP_UNREACHABLE` | no connection, or it broke before the answer began |
 * | `HTTP_INTERRUPTED` | the connection broke within the body |
 * | `HTTP_TIMEOUT` | no whole answer within `timeoutMs` |
 * | `HTTP_STATUS` | a status that is no success |
 * | `HTTP_TOO_LARGE` | the body is longer than `maxBytes` |
 * | `HTTP_CONTENT_TYPE` | the body does not call itself JSON |
 * | `HTTP_INVALID_JSON` | the body is not JSON |
 * | `HTTP_REDIRECT` | a redirect that is not followed |
 * | `HTTP_SECRET_UNUSABLE` | a secret that can't be sent |
 * | `HTTP_TOKEN` | no access token |
 * | `HTTP_PAGES` | a next page that is not asked for |
 * | `HTTP_LISTEN` | the address of the webhooks can't be listened on |
 * | `HTTP_BUSY` | too many commands under way |
 * | `HTTP_VALUE_MISSING` | a command without the value that its body needs |
 */
export class HttpError extends UmecError {
  /** What tells one failure from another of the same code: a status, a system error's code. */
  readonly detail: string;
  /** How long the server asks us to stay away, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** What the server says of it, for people (RFC 9457). */
  readonly problem: string | undefined;

  constructor(
    code: `HTTP_${string}`,
    message: string,
    options: {
      hint?: string;
      detail?: string;
      retryAfterMs?: number | undefined;
      problem?: string | undefined;
    } = {},
  ) {
    super(code, message, options.hint === undefined ? {} : { hint: options.hint });
    this.detail = options.detail ?? "";
    this.retryAfterMs = options.retryAfterMs;
    this.problem = options.problem;
  }
}

/** A URL as it may be shown: without user, password, query and fragment, where secrets may stand. */
export function shownUrl(url: string): string {
  const parsed = URL.parse(url);
  return parsed ? `${parsed.origin}${parsed.pathname}` : "(no URL)";
}
