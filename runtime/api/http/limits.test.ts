import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { silentLog } from "../../log.ts";
import { beginExchange, type Exchange } from "./exchange.ts";
import type { ApiResponse, Route } from "./route.ts";
import { sendStream } from "./send-stream.ts";
import { cutOffStalled } from "./stalled.ts";
import { appPrincipal, familyOf, serveTestApi } from "./test-api.ts";

const bearer = { authorization: "Bearer tester" };

function routeOf(path: string, handle: Route["handle"], method: Route["method"] = "get"): Route {
  const responses = { 200: { description: "it" } };
  return { method, path, operationId: path, summary: path, scope: "mec_iot", responses, handle };
}

const plain = routeOf("/plain", () => ({ status: 200, body: "ok" }));

async function dial(url: string): Promise<Socket> {
  const { port, hostname } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  socket.on("error", () => {});
  return socket;
}

async function textOf(socket: Socket): Promise<string> {
  let text = "";
  for await (const chunk of socket) text += chunk;
  return text;
}

test("who asks too often waits, and nobody else does", async (t) => {
  const principals = [appPrincipal("tester"), appPrincipal("other")];
  const api = await serveTestApi([familyOf(plain)], principals, { limits: { requestsPerS: 0.01 } });
  t.after(() => api.stop());
  const ask = (token: string) =>
    fetch(`${api.url}/t/plain`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal((await ask("tester")).status, 200);
  const refused = await ask("tester");
  assert.equal(refused.status, 429);
  const waitS = Number(refused.headers.get("retry-after"));
  assert.ok(waitS > 50 && waitS <= 100, String(waitS));
  assert.equal((await ask("other")).status, 200);
});

test("bad tokens have a limit of their own, and do not keep good ones from the same address away", async (t) => {
  const tokens: Route = {
    ...routeOf("/token", () => ({ status: 401, body: { error: "invalid_client" } }), "post"),
    scope: undefined,
  };
  const api = await serveTestApi([familyOf(plain, tokens)], undefined, { limits: { requestsPerS: 0.01 } });
  t.after(() => api.stop());
  const ask = async (path: string, token?: string) => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const answer = await fetch(`${api.url}/t${path}`, {
      method: path === "/token" ? "POST" : "GET",
      headers,
    });
    await answer.text();
    return answer.status;
  };
  assert.equal(await ask("/token"), 401);
  assert.equal(await ask("/plain", "guess"), 429);
  assert.equal(await ask("/token"), 429);
  assert.equal(await ask("/plain", "tester"), 200);
});

test("a header that can't be sent is a defect, too", async (t) => {
  const odd = routeOf("/odd", () => ({ status: 201, headers: { location: "/caf\u00e9/\u20ac" } }));
  const api = await serveTestApi([familyOf(odd)]);
  t.after(() => api.stop());
  const answer = await fetch(`${api.url}/t/odd`, { headers: bearer });
  assert.equal(answer.status, 500);
  assert.equal(((await answer.json()) as { code: string }).code, "API_DEFECT");
});

test("a request that does not arrive in time is cut off: no byte, half a header, half a body", async (t) => {
  const posted = { ...routeOf("/posted", () => ({ status: 200 }), "post"), bodyTypes: ["text/plain"] };
  const api = await serveTestApi([familyOf(plain, posted)], undefined, {
    limits: { requestMs: 300, requestsPerS: 100 },
  });
  t.after(() => api.stop());
  const beginnings = {
    nothing: "",
    header: "GET /t/plain HTTP/1.1\r\nhost: x\r\nx-slow: ",
    body: "POST /t/posted HTTP/1.1\r\nhost: x\r\nauthorization: Bearer tester\r\ncontent-type: text/plain\r\ncontent-length: 9\r\n\r\nhalf",
  };
  for (const [name, text] of Object.entries(beginnings)) {
    const socket = await dial(api.url);
    if (text !== "") socket.write(text);
    const answer = await textOf(socket);
    if (name !== "nothing") assert.match(answer, /^HTTP\/1.1 408 [\s\S]*application\/problem\+json/, name);
  }
});

test("what is not HTTP gets a problem, too", async (t) => {
  const api = await serveTestApi([familyOf(plain)]);
  t.after(() => api.stop());
  const socket = await dial(api.url);
  socket.write("good morning\r\n\r\n");
  assert.match(await textOf(socket), /^HTTP\/1.1 400 [\s\S]*API_BAD_REQUEST/);
  const hostless = await dial(api.url);
  hostless.write("GET /t/plain HTTP/1.1\r\nhost: a b/c\r\nconnection: close\r\n\r\n");
  assert.match(await textOf(hostless), /^HTTP\/1.1 400 [\s\S]*application\/problem\+json/);
});

test("a defect is 500 without a word about it, and one line in the log", async (t) => {
  const lines: unknown[] = [];
  const log = { ...silentLog, error: (_: string, fields: unknown) => void lines.push(fields) };
  const broken = routeOf("/broken", () => {
    throw new TypeError("the secret is 7");
  });
  const api = await serveTestApi([familyOf(broken)], undefined, { log });
  t.after(() => api.stop());
  const answer = await fetch(`${api.url}/t/broken`, { headers: bearer });
  assert.equal(answer.status, 500);
  assert.doesNotMatch(await answer.text(), /secret|TypeError/);
  assert.equal(lines.length, 1);
  assert.match(JSON.stringify(lines[0]), /the secret is 7/);
});

/** A stream of one chunk that then says nothing more. */
function openStream(signal: AbortSignal, onEnd: () => void, first = "first"): ApiResponse {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(Buffer.from(first));
      signal.addEventListener("abort", () => controller.close());
    },
    cancel: onEnd,
  });
  return { status: 200, headers: { "content-type": "text/event-stream" }, body };
}

test("a stream ends with its client", async (t) => {
  const { promise: ended, resolve: onEnd } = Promise.withResolvers<void>();
  const { promise: aborted, resolve: onAbort } = Promise.withResolvers<unknown>();
  const events = routeOf("/events", ({ signal }) => {
    signal.addEventListener("abort", onAbort);
    return openStream(signal, onEnd);
  });
  const api = await serveTestApi([familyOf(events)]);
  t.after(() => api.stop());
  const head = await fetch(`${api.url}/t/events`, { headers: bearer, method: "HEAD" });
  assert.equal(head.headers.get("content-type"), "text/event-stream");
  await ended;
  const leaving = new AbortController();
  const answer = await fetch(`${api.url}/t/events`, { headers: bearer, signal: leaving.signal });
  const { value } = await answer.body!.getReader().read();
  assert.equal(Buffer.from(value!).toString(), "first");
  leaving.abort();
  await aborted;
});

test("a stream is read no faster than its client takes it, and one that fails breaks off", async (t) => {
  const lines: unknown[] = [];
  const log = { ...silentLog, error: (_: string, fields: unknown) => void lines.push(fields) };
  let made = 0;
  let fail: (error: Error) => void = () => {};
  const flood = routeOf("/flood", () => {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        fail = (error) => controller.error(error);
      },
      pull(controller) {
        made += 65_536;
        controller.enqueue(Buffer.alloc(65_536));
      },
    });
    return { status: 200, headers: { "content-type": "application/octet-stream" }, body };
  });
  const api = await serveTestApi([familyOf(flood)], undefined, { log });
  t.after(() => api.stop());
  const socket = await dial(api.url);
  socket.pause();
  socket.write("GET /t/flood HTTP/1.1\r\nhost: x\r\nauthorization: Bearer tester\r\n\r\n");
  // Both kernels' buffers are full when no more was made for a while.
  for (let before = -1; before !== made; await pause(200)) before = made;
  assert.ok(made > 0 && made < 30_000_000, `${made} bytes`);
  fail(new Error("the source is gone"));
  await textOf(socket).catch(() => {});
  assert.match(JSON.stringify(lines), /the source is gone/);
});

test("who does not take what was sent is cut off; who has nothing to take is not", async (t) => {
  const underWay = new Set<Exchange>();
  const server = createServer((incoming, outgoing) => {
    const exchange = beginExchange(incoming, outgoing, underWay);
    const first = "x".repeat(incoming.url === "/much" ? 30_000_000 : 1);
    const { body } = openStream(exchange.signal, () => {}, first);
    void sendStream(body as ReadableStream<Uint8Array>, 200, {}, exchange);
  });
  cutOffStalled(server, underWay, 300);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.closeAllConnections());
  t.after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const quiet = await dial(url);
  quiet.write("GET /little HTTP/1.1\r\nhost: x\r\n\r\n");
  quiet.resume();
  const slow = await dial(url);
  slow.pause();
  slow.write("GET /much HTTP/1.1\r\nhost: x\r\n\r\n");
  const idle = await dial(url);
  idle.resume();
  await once(idle, "close");
  const much = [...underWay].find(({ incoming }) => incoming.url === "/much");
  if (much) await once(much.outgoing, "close");
  assert.deepEqual(
    [...underWay].map(({ incoming }) => incoming.url),
    ["/little"],
  );
  assert.equal(quiet.closed, false);
});

test("a stop ends streams, lets answers out, and waits for no one else", async () => {
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const slow = routeOf("/slow", async () => {
    begin();
    await released;
    return { status: 200, body: "done" };
  });
  const never = routeOf("/never", ({ signal }) => {
    const { promise, reject } = Promise.withResolvers<never>();
    signal.addEventListener("abort", () => reject(signal.reason));
    return promise;
  });
  const events = routeOf("/events", ({ signal }) => {
    return openStream(signal, () => {});
  });
  const api = await serveTestApi([familyOf(slow, never, events)]);
  const stream = await fetch(`${api.url}/t/events`, { headers: bearer });
  const answer = fetch(`${api.url}/t/slow`, { headers: bearer });
  const lost = fetch(`${api.url}/t/never`, { headers: bearer });
  lost.catch(() => {});
  await begun;
  const stopped = api.stop();
  assert.equal(await stream.text(), "first");
  release();
  assert.equal(await (await answer).json(), "done");
  await stopped;
  await assert.rejects(lost);
  await assert.rejects(fetch(`${api.url}/t/slow`, { headers: bearer }));
});
