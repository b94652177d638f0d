import { parseBody } from "../http/body.ts";
import { forbidden, notFound } from "../http/problem.ts";
import type { ApiRequest, ApiResponse, Route } from "../http/route.ts";
import { mayWrite } from "../patterns.ts";
import type { ApiNode } from "../types.ts";
import { commandProblem } from "./command-problem.ts";
import { type NamedPoint, namedPoint, principalOf } from "./find.ts";
import { askerName } from "./pictures.ts";
import { anyValue, commandQuery } from "./schema.ts";

const defaultTtlMs = 5_000;

/** An action without input has no body, and then no type of one. */
export const inputTypes = ["application/json", ""] as const;

export function createActionRoutes(node: ApiNode): Route[] {
  return [
    {
      method: "post",
      path: "/things/{thing}/actions/{point}",
      operationId: "thingActionPOST",
      summary: "Commands a point.",
      scope: "things_write",
      query: commandQuery,
      bodyTypes: inputTypes,
      responses: {
        200: {
          description: "What the driver answers.",
          schema: anyValue,
          type: "application/json, application/octet-stream",
        },
        204: { description: "It is done, and there is nothing to say." },
        400: { description: "The value does not fit the point's schema." },
        403: { description: "The asker's patterns do not mean this point." },
        404: { description: "There is no such thing, or nothing takes commands there." },
        409: { description: "It can only be read, or its device can't do it now." },
        504: { description: "It was not done in time, or nobody knows whether it was." },
      },
      async handle(request) {
        return answerOf(await runCommand(node, request, namedPoint(node, request), inputOf(request)));
      },
    },
  ];
}

/**
 * @param check of what can only be told after the right to command was seen
 * @throws Problem 403, 404, and those of {@link commandProblem}
 */
export async function runCommand(
  node: ApiNode,
  request: ApiRequest,
  { plugin, point }: NamedPoint,
  value: unknown,
  check: () => void = () => {},
): Promise<unknown> {
  const principal = principalOf(request);
  if (!mayWrite(principal, plugin, point))
    throw forbidden(`${principal.name} may not command ${plugin}/${point}`.slice(0, 300));
  if (!node.plugins().some(({ name }) => name === plugin)) throw notFound(`thing ${plugin.slice(0, 100)}`);
  check();
  const { ttlMs = defaultTtlMs } = request.query as { ttlMs?: number };
  try {
    return await node.command({ plugin, point, value, ttlMs, by: askerName(principal) });
  } catch (error) {
    throw commandProblem(error);
  }
}

/** Without a type it is JSON, as some clients of the Web of Things leave it out. `undefined`: there is no body. */
export function inputOf({ body }: ApiRequest): unknown {
  if (!(body instanceof Buffer)) return body;
  return body.length === 0 ? undefined : parseBody(body, "application/json");
}

function answerOf(result: unknown): ApiResponse {
  if (result === undefined) return { status: 204 };
  if (result instanceof Uint8Array)
    return { status: 200, headers: { "content-type": "application/octet-stream" }, body: result };
  return { status: 200, body: result };
}
