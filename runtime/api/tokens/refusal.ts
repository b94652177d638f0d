import { Problem } from "../http/problem.ts";

/** A token that is refused (RFC 6750 section 3.1). */
export function invalidToken(detail: string, hint?: string): Problem {
  // A header carries no quotes and nothing beyond ASCII.
  const description = detail.replace(/[^\x20-\x7e]|["\\]/g, "'").slice(0, 200);
  const challenge = `Bearer realm="umec", error="invalid_token", error_description="${description}"`;
  return new Problem(401, "API_TOKEN", detail, {
    ...(hint !== undefined && { hint }),
    headers: { "www-authenticate": challenge },
  });
}
