/** For tests: the families of a running API, read back from what it says of itself. */
import type { TObject, TSchema } from "typebox";
import type { ApiFamily, Route, RouteResponse } from "./route.ts";

interface Content {
  [type: string]: { schema?: object };
}

interface Operation {
  operationId: string;
  summary: string;
  parameters: { name: string; in: string; required: boolean; schema: object }[];
  requestBody?: { content: Content };
  responses: Record<string, { description: string; content?: Content }>;
}

interface Document {
  info: { title: string; version: string };
  paths: Record<string, Record<string, Operation>>;
}

/** One for each document that the page at `/api` names. Their routes can't be called here. */
export async function fetchFamilies(url: string): Promise<ApiFamily[]> {
  const page = await (await fetch(`${url}/api`)).text();
  const links = [...page.matchAll(/href="([^"]*)\/openapi\.json"/g)].map(([, root]) => root!);
  return Promise.all([...new Set(links)].map((root) => fetchFamily(url, root)));
}

async function fetchFamily(url: string, root: string): Promise<ApiFamily> {
  const { info, paths } = (await (await fetch(`${url}${root}/openapi.json`)).json()) as Document;
  const routes = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) =>
      routeOf(path, method as Route["method"], operation),
    ),
  );
  return { ...info, roots: [root], routes };
}

function routeOf(path: string, method: Route["method"], operation: Operation): Route {
  const { operationId, summary, parameters, requestBody, responses } = operation;
  const asked = parameters.filter((parameter) => parameter.in === "query");
  const query = {
    type: "object",
    properties: Object.fromEntries(asked.map(({ name, schema }) => [name, schema])),
    required: asked.filter(({ required }) => required).map(({ name }) => name),
  };
  const bodyTypes = Object.keys(requestBody?.content ?? {});
  const body = requestBody?.content[bodyTypes[0]!]?.schema;
  const known = Object.entries(responses).map(([status, response]) => [status, responseOf(response)]);
  return {
    ...{ method, path, operationId, summary, scope: undefined, responses: Object.fromEntries(known) },
    query: query as unknown as TObject,
    ...(body && { body: body as TSchema, bodyTypes }),
    handle() {
      throw new Error("this route is only described");
    },
  };
}

function responseOf({ description, content = {} }: Operation["responses"][string]): RouteResponse {
  const types = Object.keys(content);
  const schema = content[types[0]!]?.schema;
  const isProblem = types[0] === "application/problem+json";
  return {
    description,
    ...(types.length > 0 && { type: types.join(", ") }),
    // Refusals are checked by their type.
    ...(schema && !isProblem && { schema: schema as TSchema }),
  };
}
