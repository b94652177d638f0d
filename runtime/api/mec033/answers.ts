import { createHash } from "node:crypto";
import type { TSchema } from "typebox";
import { problemSchema } from "../etsi-words.ts";
import { Problem } from "../http/problem.ts";
import type { ApiRequest, ApiResponse, RouteResponse } from "../http/route.ts";
import type { Principal } from "../types.ts";

export const scope = "mec_iot";

const problems: Readonly<Record<number, string>> = {
  400: "Bad Request: a parameter or the body does not fit",
  401: "Unauthorized: there is no token, or it is not valid",
  403: "Forbidden: the token does not allow it, or the state of the resource does not",
  404: "Not Found",
  412: "Precondition Failed: If-Match names another version",
  429: "Too Many Requests",
};

/** One success and the problems `codes`, to which what any route can answer is added. */
export function answers(success: Readonly<Record<number, RouteResponse>>, ...codes: number[]) {
  const all = [...new Set([401, 403, 404, 429, ...codes])].sort((a, b) => a - b);
  const refusals = all.map((code) => {
    const response = {
      description: problems[code]!,
      schema: problemSchema,
      type: "application/problem+json",
    };
    return [code, response] as const;
  });
  return { ...success, ...Object.fromEntries(refusals) } as Readonly<Record<number, RouteResponse>>;
}

export const etagHeader = { etag: "Version of the representation." };

export function ok(schema: TSchema, headers: Readonly<Record<string, string>> = {}) {
  return { 200: { description: "OK", schema, headers } };
}

export function created(schema: TSchema) {
  return {
    201: { description: "Created", schema, headers: { location: "URI of what was created.", ...etagHeader } },
  };
}

export const noContent = { 204: { description: "No Content" } };

/** Of a route with a scope there is one. */
export function principalOf({ principal }: ApiRequest): Principal {
  if (!principal) throw new Problem(401, "API_UNAUTHORIZED", "there is no access token in the request");
  return principal;
}

/** A strong one, of what is shown: it changes with what the node adds to what is stored, too. */
export function etagOf(representation: object): string {
  const hash = createHash("sha256").update(JSON.stringify(representation)).digest("base64url");
  return `"${hash.slice(0, 22)}"`;
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
