import Type from "typebox";
import type { ApiFamily, Route } from "../http/route.ts";
import { scopes } from "../types.ts";
import { type TokenRouteOptions, tokenRoute } from "./token-route.ts";

/** The token endpoint, and what tells about it. */
export function tokenFamily(options: TokenRouteOptions): ApiFamily {
  const routes = [tokenRoute(options), keysRoute(options), metadataRoute(options)];
  return { roots: [""], title: "Access tokens", version: "1", routes };
}

function keysRoute({ keys }: TokenRouteOptions): Route {
  const schema = Type.Object({ keys: Type.Array(Type.Object({ kid: Type.String(), kty: Type.String() })) });
  return {
    method: "get",
    path: "/.well-known/jwks.json",
    operationId: "JWKS_GET",
    summary: "The public keys of access tokens (RFC 7517)",
    scope: undefined,
    responses: { 200: { description: "the keys", schema } },
    handle: () => ({
      status: 200,
      headers: { "cache-control": "public, max-age=300" },
      body: keys.published(),
    }),
  };
}

function metadataRoute({ issuer }: TokenRouteOptions): Route {
  const schema = Type.Object({
    issuer: Type.String(),
    token_endpoint: Type.String(),
    jwks_uri: Type.String(),
  });
  return {
    method: "get",
    path: "/.well-known/oauth-authorization-server",
    operationId: "OAuth2Metadata_GET",
    summary: "Where tokens come from, and how (RFC 8414)",
    scope: undefined,
    responses: { 200: { description: "the metadata", schema } },
    handle: ({ url }) => ({
      status: 200,
      body: {
        issuer: issuer(),
        // Under the name by which the client has reached the node; it may have several.
        token_endpoint: `${url.origin}/oauth2/v1/token`,
        jwks_uri: `${url.origin}/.well-known/jwks.json`,
        grant_types_supported: ["client_credentials"],
        response_types_supported: [],
        token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
        scopes_supported: scopes,
      },
    }),
  };
}
