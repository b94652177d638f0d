import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { test } from "node:test";
import { connect as connectTls } from "node:tls";
import { silentLog } from "../../log.ts";
import { createScratch } from "../../test-scratch.ts";
import { nodeCertificate } from "../tokens/certificate.ts";
import type { Route } from "./route.ts";
import { appPrincipal, familyOf, serveTestApi } from "./test-api.ts";

const scratch = createScratch();

const plain: Route = {
  method: "get",
  path: "/plain",
  operationId: "plain",
  summary: "",
  scope: "mec_iot",
  responses: { 200: { description: "" } },
  handle: () => ({ status: 200, body: "ok" }),
};
const limits = { strangers: 4, connectionsOfOne: 3, requestsPerS: 100 };
const principals = [appPrincipal("tester"), appPrincipal("other")];

/** Asks on the connection, which stays open; the status, or `undefined` when it was closed instead. */
async function ask(socket: Duplex, token = "tester"): Promise<number | undefined> {
  const answered = once(socket, "data").then(([chunk]) =>
    Number(/^HTTP\/1.1 (\d+)/.exec(String(chunk))?.[1]),
  );
  const closed = once(socket, "close").then(() => undefined);
  socket.write(`GET /t/plain HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n\r\n`);
  return Promise.race([answered, closed.catch(() => undefined)]);
}

for (const secure of [false, true])
  test(`strangers hold few connections, who is known holds their own ${secure ? "(TLS)" : ""}`, async (t) => {
    const tls = await nodeCertificate({
      dir: await scratch(),
      name: "n",
      hosts: ["localhost"],
      nowMs: 0,
      log: silentLog,
    });
    const api = await serveTestApi([familyOf(plain)], principals, { limits, ...(secure && { tls }) });
    t.after(() => api.stop());
    const port = Number(new URL(api.url).port);
    async function dial(): Promise<Duplex | undefined> {
      const place = { host: "127.0.0.1", port };
      const socket = secure
        ? connectTls({ ...place, ca: tls.cert, servername: "localhost" })
        : connect(place);
      socket.on("error", () => {});
      const closed = once(socket, "close");
      // In the clear a connection that is refused looks open for a moment.
      const open = once(socket, secure ? "secureConnect" : "connect").then(() => true);
      if (await Promise.race([open, closed.then(() => false)]).catch(() => false)) return socket;
      return undefined;
    }
    const mine: Duplex[] = [];
    for (let i = 0; i < 3; i++) {
      const socket = (await dial())!;
      assert.equal(await ask(socket), 200);
      mine.push(socket);
    }
    // One too many of the same, and one of another.
    assert.equal(await ask((await dial())!), 429);
    const other = (await dial())!;
    assert.equal(await ask(other, "other"), 200);
    // Of strangers one address has two; when one gets known there is room again.
    const strangers = [(await dial())!, (await dial())!];
    const third = await dial();
    assert.equal(third && (await ask(third, "other")), undefined);
    assert.equal(await ask(strangers[0]!, "other"), 200);
    assert.equal(await ask((await dial())!, "other"), 200);
    for (const socket of [...mine, ...strangers]) {
      const closed = once(socket, "close");
      socket.destroy();
      await closed;
    }
    // When all is closed, all is free again.
    for (let i = 0; i < 3; i++) {
      let status: number | undefined;
      while (status !== 200) {
        const socket = await dial();
        status = socket && (await ask(socket));
      }
      assert.equal(status, 200);
    }
    assert.equal(await ask(other, "other"), 200);
  });
