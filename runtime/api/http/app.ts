import type { HttpBindings } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { beginExchange, type Exchange } from "./exchange.ts";
import { answerTypes, defect, type HandlerTools, handle, pathOf, refuseAfter } from "./handle.ts";
import { notFound, Problem } from "./problem.ts";
import { limitName } from "./rate-limit.ts";
import { knownProblem, problemReply } from "./reply.ts";
import type { ApiFamily } from "./route.ts";

type Env = { Bindings: HttpBindings };

/** The router of all families under all their roots. */
export function createApp(
  families: readonly ApiFamily[],
  tools: HandlerTools,
  underWay: Set<Exchange>,
): Hono<Env> {
  const app = new Hono<Env>();
  const methods = new Map<string, string[]>();
  for (const { roots, routes } of families)
    for (const root of roots)
      for (const route of routes) {
        const path = honoPath(root + route.path);
        const method = route.method.toUpperCase();
        methods.set(path, [...(methods.get(path) ?? []), method]);
        const types = answerTypes(route);
        app.on(method, path, (c) => {
          const exchange = beginExchange(c.env.incoming, c.env.outgoing, underWay);
          const { req } = c;
          const { headers } = req.raw;
          const matched = {
            route,
            root,
            params: req.param(),
            headers,
            types,
            url: req.url,
            target: targetOf(c),
          };
          return handle(matched, exchange, tools);
        });
      }
  for (const [path, known] of methods) app.all(path, (c) => otherMethod(c, known, tools));
  app.notFound((c) =>
    limited(c, tools, () => Promise.reject(notFound(`${c.req.method} ${c.req.path.slice(0, 500)}`))),
  );
  app.onError((error, c) => {
    tools.log.error("an API request failed", {
      path: pathOf(targetOf(c)),
      error: error.stack ?? error.message,
    });
    return problemReply(defect(), targetOf(c));
  });
  return app;
}

function honoPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ":$1");
}

function targetOf(c: Context<Env>): string {
  return c.env.incoming.url ?? "/";
}

function otherMethod(c: Context<Env>, known: readonly string[], tools: HandlerTools): Promise<Response> {
  const allow = [...new Set(known.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method])))];
  const headers = { allow: [...allow, "OPTIONS"].join(", ") };
  return limited(c, tools, async () => {
    if (c.req.method === "OPTIONS") return new Response(null, { status: 204, headers });
    throw new Problem(405, "API_METHOD", `${c.req.method} is not possible here`, { headers });
  });
}

/** What no route answers counts for its address. */
async function limited(
  c: Context<Env>,
  tools: HandlerTools,
  answer: () => Promise<Response>,
): Promise<Response> {
  try {
    refuseAfter(tools.addresses.take(limitName(c.env.incoming.socket.remoteAddress)));
    return await answer();
  } catch (error) {
    return problemReply(knownProblem(error) ?? defect(), targetOf(c));
  }
}
