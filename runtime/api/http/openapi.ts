/**
 * The OpenAPI 3.1 document of a root, made of the same tables as the router: what it says is what is served. The refusals
 * that no handler gives but the server itself are added.
 */
import { STATUS_CODES } from "node:http";
import type { ApiFamily, Route, RouteResponse } from "./route.ts";

type Json = Record<string, unknown>;

const problemType = "application/problem+json";

/** RFC 9457, with what this node adds. */
const problemSchema = {
  type: "object",
  required: ["type", "title", "status", "detail"],
  properties: {
    type: { type: "string", format: "uri" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string", description: "what is wrong with this request" },
    instance: { type: "string", description: "the path that was asked for" },
    code: { type: "string", description: "stable, for programs" },
    hint: { type: "string", description: "what to do next" },
  },
};

/** @param root the one that all `families` are served under */
export function openApiOf(families: readonly ApiFamily[], root: string): Json {
  const routes = families.flatMap((family) => family.routes);
  const title = families.map((family) => family.title).join(", ");
  const version = families[0]?.version ?? "1";
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    paths[route.path] ??= {};
    paths[route.path]![route.method] = operationOf(route);
  }
  const scopes = [...new Set(routes.flatMap(({ scope }) => scope ?? []))].sort();
  return {
    openapi: "3.1.0",
    info: { title, version },
    servers: [{ url: root === "" ? "/" : root }],
    paths,
    components: {
      schemas: { ProblemDetails: problemSchema },
      securitySchemes: {
        token: {
          type: "oauth2",
          flows: {
            clientCredentials: {
              tokenUrl: "/oauth2/v1/token",
              scopes: Object.fromEntries(scopes.map((scope) => [scope, scope])),
            },
          },
        },
        certificate: { type: "mutualTLS", description: "where the node asks for certificates" },
      },
    },
  };
}

function operationOf(route: Route): Json {
  const { operationId, summary, scope, path, query, body, bodyTypes = ["application/json"] } = route;
  const takesBody = body !== undefined || route.bodyTypes !== undefined;
  // "" stands for no body.
  const types = bodyTypes.filter((type) => type !== "");
  const content = Object.fromEntries(types.map((type) => [type, body ? { schema: body } : {}]));
  return {
    operationId,
    summary,
    security: scope === undefined ? [] : [{ token: [scope] }, { certificate: [] }],
    parameters: [...pathParameters(path), ...queryParameters(query)],
    ...(takesBody && { requestBody: { required: types.length === bodyTypes.length, content } }),
    responses: responsesOf(route, takesBody),
  };
}

function pathParameters(path: string): Json[] {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  return names.map((name) => ({ name, in: "path", required: true, schema: { type: "string" } }));
}

function queryParameters(query: Route["query"]): Json[] {
  return Object.entries(query?.properties ?? {}).map(([name, schema]) => {
    const { description } = schema as { description?: string };
    const required = ((query as { required?: string[] }).required ?? []).includes(name);
    return { name, in: "query", required, ...(description !== undefined && { description }), schema };
  });
}

function responsesOf({ responses, scope }: Route, takesBody: boolean): Json {
  // What the server answers before a handler is asked.
  const own = [
    400,
    406,
    414,
    429,
    500,
    ...(scope === undefined ? [] : [401, 403]),
    ...(takesBody ? [413, 415] : []),
  ];
  const all: Record<string, Json> = {};
  for (const status of own) all[status] = responseOf(status, { description: STATUS_CODES[status]! });
  for (const [status, response] of Object.entries(responses))
    all[status] = responseOf(Number(status), response);
  return all;
}

function responseOf(status: number, { description, schema, type, headers }: RouteResponse): Json {
  const isProblem = status >= 400 && (type === problemType || (type === undefined && schema === undefined));
  const types = isProblem ? [problemType] : (type ?? (schema ? "application/json" : "")).split(",");
  const known = isProblem ? { $ref: "#/components/schemas/ProblemDetails" } : schema;
  const content = types
    .map((one) => one.trim())
    .filter((one) => one !== "")
    .map((one) => [one, known ? { schema: known } : {}]);
  const described = Object.entries(headers ?? {}).map(([name, text]) => [
    name,
    { description: text, schema: { type: "string" } },
  ]);
  return {
    description,
    ...(described.length > 0 && { headers: Object.fromEntries(described) }),
    ...(content.length > 0 && { content: Object.fromEntries(content) }),
  };
}
