/** What routes of ETSI's APIs can answer, for the documents. */
import type { TSchema } from "typebox";
import { problemSchema } from "./etsi-words.ts";
import type { RouteResponse } from "./http/route.ts";

const problems: Readonly<Record<number, string>> = {
  400: "Bad Request: a parameter or the body does not fit",
  401: "Unauthorized: there is no token, or it is not valid",
  403: "Forbidden: the token does not allow it, or the state of the resource does not",
  404: "Not Found",
  409: "Conflict: the state of the resource does not allow it",
  412: "Precondition Failed: If-Match names another version",
  414: "URI Too Long",
  429: "Too Many Requests",
  503: "Service Unavailable: a part of the node that has to do it does not answer; ask again",
};

/** One success and the problems `codes`, to which what any route with a scope can answer is added. */
export function answers(
  success: Readonly<Record<number, RouteResponse>>,
  ...codes: number[]
): Readonly<Record<number, RouteResponse>> {
  const all = [...new Set([401, 403, 404, 429, ...codes])].sort((a, b) => a - b);
  const refusals = all.map((code) => {
    const response = {
      description: problems[code]!,
      schema: problemSchema,
      type: "application/problem+json",
    };
    return [code, response] as const;
  });
  return { ...success, ...Object.fromEntries(refusals) };
}

export const etagHeader = { ETag: "version of the representation" };

export function ok(schema: TSchema, headers: Readonly<Record<string, string>> = {}, description = "OK") {
  return { 200: { description, schema, headers } };
}

export function created(schema: TSchema) {
  return {
    201: { description: "Created", schema, headers: { Location: "URI of what was created", ...etagHeader } },
  };
}

export const noContent = { 204: { description: "No Content" } };
