/**
 * A child process of api.ts that serves: `node api-server.ts umec|bare|observers <dir>`. It sends `{ port, cert }` when it
 * takes connections, and takes messages: `{ answers }` for the bare one, `{ emit }` for a reading of the observed point.
 */
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import { startApi } from "../runtime/api/api.ts";
import { readQuery } from "../runtime/api/http/query.ts";
import { serveApi } from "../runtime/api/http/server.ts";
import { appPrincipal } from "../runtime/api/http/test-api.ts";
import { createJudges } from "../runtime/api/http/validate.ts";
import { serviceQuerySchema } from "../runtime/api/mec011/schema/service.ts";
import { createTestApiNode } from "../runtime/api/test-api-node.ts";
import { createThings } from "../runtime/api/things/things.ts";
import { nodeCertificate } from "../runtime/api/tokens/certificate.ts";
import { scopes } from "../runtime/api/types.ts";
import { silentLog } from "../runtime/log.ts";
import { benchApp, plugin, point } from "./api-words.ts";

const [kind = "", dir = ""] = process.argv.slice(2);
const host = "127.0.0.1";
const many = 1_000_000;
const tls = await nodeCertificate({ dir, name: "bench", hosts: [host], nowMs: Date.now(), log: silentLog });
const node = createTestApiNode();
const now = () => performance.timeOrigin + performance.now();
const emit = (value: number) => node.emit({ plugin, point, value, unit: "Cel", timeMs: Date.now() });

/** All that a node serves, as it serves it. */
async function umec(): Promise<number> {
  emit(21.5);
  const api = await startApi({
    ...{ host, port: 0, tls, dir, node, requestsPerS: many, log: silentLog },
    apps: () => [benchApp],
    issuers: () => [],
    clock: { nowMs: Date.now, monotonicMs: () => performance.now(), known: () => true },
  });
  return Number(new URL(api.localUrl).port);
}

/** The same answers after the same checks of the query, by the same router, and nothing else: nobody is asked who they are. */
async function bare(): Promise<number> {
  const app = new Hono();
  const judgeOf = createJudges();
  let answers: Record<string, unknown> = {};
  process.on("message", (message: { answers?: typeof answers }) => {
    if (message.answers) answers = message.answers;
  });
  app.get("/mec_service_mgmt/v1/services", (c) => {
    readQuery(new URL(c.req.url).searchParams, serviceQuerySchema, judgeOf);
    return c.json(answers.services as object);
  });
  app.get("/things/:thing/properties/:point", (c) => {
    readQuery(new URL(c.req.url).searchParams, undefined, judgeOf);
    return c.json(answers.property as number);
  });
  const server = createServer(tls, getRequestListener(app.fetch));
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, host, resolve);
  await promise;
  return (server.address() as AddressInfo).port;
}

/** Things alone, for more connections than a node takes. */
async function observers(): Promise<number> {
  const things = createThings({ node, streams: { streams: many, streamsOfOne: many }, log: silentLog });
  const api = await serveApi({
    ...{ host, port: 0, tls, log: silentLog },
    families: [things.family],
    authenticate: async () => appPrincipal("bench", { scopes: new Set(scopes) }),
    limits: { connections: many, strangers: many, connectionsOfOne: many, requestsPerS: many },
  });
  process.on("message", ({ emit: wanted }: { emit?: boolean }) => {
    // The value is when it was emitted, so whoever gets it knows how old it is.
    if (wanted) emit(now());
  });
  return Number(new URL(api.url).port);
}

process.on("disconnect", () => process.exit());
const serve = { umec, bare, observers }[kind];
if (!serve) throw new Error(`there is no server ${kind}`);
process.send?.({ port: await serve(), cert: tls.cert });
