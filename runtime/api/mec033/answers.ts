import { etagOf } from "../http/etag.ts";
import { Problem } from "../http/problem.ts";
import type { ApiRequest, ApiResponse } from "../http/route.ts";
import type { Principal } from "../types.ts";

export const scope = "mec_iot";

/** Of a route with a scope there is one. */
export function principalOf({ principal }: ApiRequest): Principal {
  if (!principal) throw new Problem(401, "API_UNAUTHORIZED", "there is no access token in the request");
  return principal;
}

/** A resource as it is, with its version. */
export function whole(
  status: 200 | 201,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): ApiResponse {
  return { status, headers: { etag: etagOf(body), ...headers }, body };
}

/** A body's attributes that are known; others are dropped. */
export function known<T extends object>(body: unknown, attributes: readonly string[]): T {
  const given = body as Record<string, unknown>;
  return Object.fromEntries(
    attributes.filter((name) => name in given).map((name) => [name, given[name]]),
  ) as T;
}

export function nodesOwn(what: string): Problem {
  return new Problem(403, "IOT_OF_THE_NODE", `${what} is the node's own: the API does not change it`, {
    hint: "it follows the plugins of the node's target state",
  });
}
