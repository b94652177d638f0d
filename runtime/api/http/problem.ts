import { UmecError } from "../../errors.ts";

/**
 * A refusal as RFC 9457 (and ETSI GS MEC 009 section 5.4) tell it: thrown by a handler, answered as
 * `application/problem+json`.
 */
export class Problem extends UmecError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  /** @param detail what is wrong with this request, for people: the value, and the reason */
  constructor(
    status: number,
    code: string,
    detail: string,
    options: { hint?: string; headers?: Readonly<Record<string, string>>; cause?: unknown } = {},
  ) {
    super(code, detail, options);
    this.status = status;
    this.headers = options.headers ?? {};
  }
}

export function isProblem(error: unknown): error is Problem {
  return error instanceof Problem;
}

export function badRequest(detail: string, hint?: string): Problem {
  return new Problem(400, "API_BAD_REQUEST", detail, hint === undefined ? {} : { hint });
}

export function forbidden(detail: string): Problem {
  return new Problem(403, "API_FORBIDDEN", detail);
}

export function notFound(what: string): Problem {
  return new Problem(404, "API_NOT_FOUND", `there is no ${what}`);
}

/** If-Match names another version (RFC 9110 section 13.1.1). */
export function preconditionFailed(what: string): Problem {
  return new Problem(412, "API_PRECONDITION", `${what} is another version than If-Match names`, {
    hint: "read it again, and change that",
  });
}
