import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { request } from "node:https";
import { join } from "node:path";
import { json, text } from "node:stream/consumers";
import { test } from "node:test";
import { connect } from "node:tls";
import { createCertificate } from "../../hub-init/openssl.ts";
import { createScratch } from "../../test-scratch.ts";
import type { Route } from "./route.ts";
import { appPrincipal, familyOf, serveTestApi } from "./test-api.ts";

const scratch = createScratch();

const who: Route = {
  method: "get",
  path: "/who",
  operationId: "who",
  summary: "who asks",
  scope: "mec_iot",
  responses: { 200: { description: "who" } },
  handle: ({ principal }) => ({ status: 200, body: principal?.name }),
};

/** A CA's file, and a client's of it. */
async function issue(dir: string, name: string): Promise<{ ca: string; client: string }> {
  const ca = await createCertificate({
    dir,
    name: "apps",
    extensions: ["basicConstraints=critical,CA:true"],
    days: 1,
  });
  const issuerFile = join(dir, `${name}-ca.pem`);
  await writeFile(issuerFile, ca);
  const client = await createCertificate({
    dir,
    name,
    extensions: ["extendedKeyUsage=clientAuth"],
    days: 1,
    issuerFile,
  });
  return { ca, client };
}

test("a certificate of the clients' CA says who asks, one of another CA is refused, and none needs a token", async (t) => {
  const dir = await scratch();
  const server = await createCertificate({
    dir,
    name: "node",
    extensions: ["subjectAltName=DNS:localhost"],
    days: 1,
  });
  const apps = await issue(dir, "board");
  const others = await issue(dir, "other");
  const principals = [appPrincipal("board"), appPrincipal("tester")];
  const tls = { key: server, cert: server, clientCa: apps.ca };
  const api = await serveTestApi([familyOf(who)], principals, { tls });
  t.after(() => api.stop());

  async function ask(client?: string, token?: string): Promise<[number, unknown]> {
    const { port } = new URL(api.url);
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const identity = client === undefined ? {} : { key: client, cert: client };
    const place = {
      host: "127.0.0.1",
      port,
      path: "/t/who",
      servername: "localhost",
      ca: server,
      agent: false,
    };
    const asking = request({ ...place, ...identity, headers });
    asking.end();
    const [answer] = await once(asking, "response");
    return [answer.statusCode, await json(answer)];
  }
  assert.deepEqual(await ask(apps.client), [200, "board"]);
  assert.deepEqual(await ask(undefined, "tester"), [200, "tester"]);
  assert.equal((await ask())[0], 401);
  const [status, problem] = await ask(others.client);
  assert.equal(status, 401);
  assert.equal((problem as { code: string }).code, "API_CERTIFICATE");
  // Another CA from now on.
  api.setTls({ ...tls, clientCa: others.ca });
  assert.equal((await ask(apps.client))[0], 401);
  assert.throws(() => api.setTls({ key: "rubbish", cert: "rubbish" }), { code: "API_TLS" });
  await assert.rejects(serveTestApi([], [], { tls: { key: "", cert: "rubbish" } }), { code: "API_TLS" });
});

test("a resumed session is the same client's, until another CA vouches for clients", async (t) => {
  const dir = await scratch();
  const names = ["subjectAltName=DNS:localhost"];
  const server = await createCertificate({ dir, name: "node", extensions: names, days: 1 });
  const apps = await issue(dir, "board");
  const tls = { key: server, cert: server, clientCa: apps.ca };
  const api = await serveTestApi([familyOf(who)], [appPrincipal("board")], { tls });
  t.after(() => api.stop());
  const port = Number(new URL(api.url).port);
  let session: Buffer | undefined;

  async function ask(): Promise<[boolean, string]> {
    const identity = { key: apps.client, cert: apps.client, ca: server, servername: "localhost" };
    const socket = connect({ host: "127.0.0.1", port, ...identity, ...(session && { session }) });
    socket.on("session", (given) => {
      session = given;
    });
    await once(socket, "secureConnect");
    socket.write("GET /t/who HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    return [socket.isSessionReused(), (await text(socket)).split("\r\n")[0]!];
  }
  assert.deepEqual(await ask(), [false, "HTTP/1.1 200 OK"]);
  assert.deepEqual(await ask(), [true, "HTTP/1.1 200 OK"]);
  api.setTls({ ...tls, clientCa: (await issue(dir, "other")).ca });
  assert.deepEqual(await ask(), [false, "HTTP/1.1 401 Unauthorized"]);
});

test("an address that is taken is named", async (t) => {
  const api = await serveTestApi([]);
  t.after(() => api.stop());
  const port = Number(new URL(api.url).port);
  await assert.rejects(serveTestApi([], [], { port }), {
    code: "API_LISTEN",
    message: new RegExp(`127.0.0.1:${port}`),
  });
});
