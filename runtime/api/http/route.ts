/**
 * A route is data: from one table come the router, the checks of each request and the OpenAPI document, so none of
 * them can say what another does not do.
 */
import type { TObject, TSchema } from "typebox";
import type { Principal, Scope } from "../types.ts";

export interface Route {
  method: "get" | "post" | "put" | "patch" | "delete";
  /** Below the API's root, with names in braces: `/applications/{appInstanceId}/services`. */
  path: string;
  /** Unique in its API, as ETSI's document names it where there is one. */
  operationId: string;
  summary: string;
  /** What the token must allow. `undefined`: anybody may, even without a token. */
  scope: Scope | undefined;
  /** Query parameters; one that is not listed is refused (400). An array's values may be repeated or split by commas. */
  query?: TObject;
  /** JSON Schema of the request's body; one that does not fit is refused (400) with the place. */
  body?: TSchema;
  /** With `""` a request without a type is taken, too; its body is given as bytes. @default ["application/json"] */
  bodyTypes?: readonly string[];
  responses: Readonly<Record<number, RouteResponse>>;
  handle(request: ApiRequest): ApiResponse | Promise<ApiResponse>;
}

export interface RouteResponse {
  description: string;
  /** Absent: no body. */
  schema?: TSchema;
  /** Several are split by commas. Who accepts none of those of successes is refused (406). @default "application/json" */
  type?: string;
  /** Names of headers, with what they say. */
  headers?: Readonly<Record<string, string>>;
}

/** Routes that share a root and a version. */
export interface ApiFamily {
  /** Such as `/mec_service_mgmt/v1`; the first is the one that links name. */
  roots: readonly string[];
  title: string;
  version: string;
  routes: readonly Route[];
}

/** A request that passed the checks of its route. */
export interface ApiRequest {
  /** Of a route without a scope: whoever it is, or `undefined`. */
  principal: Principal | undefined;
  params: Readonly<Record<string, string>>;
  query: Readonly<Record<string, unknown>>;
  body: unknown;
  headers: Headers;
  /** Absolute; its origin is the one that the client used. */
  url: URL;
  /** The root under which the client asked. */
  root: string;
  /** Aborts when the client went away or the API stops. */
  signal: AbortSignal;
}

export interface ApiResponse {
  status: number;
  headers?: Readonly<Record<string, string>>;
  /** A JSON value; bytes or a stream go as they are, with a `content-type` header. */
  body?: unknown;
}
