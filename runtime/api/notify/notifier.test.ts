import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { createServer, type LookupFunction, type Socket } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Log, silentLog } from "../../log.ts";
import { createScratch } from "../../test-scratch.ts";
import { createNotifier, type NotifierOptions } from "./notifier.ts";
import { ok, startReceiver } from "./test-receiver.ts";

const scratch = createScratch();
const quick = { firstRetryMs: 5, slowestRetryMs: 20, timeoutMs: 2_000, giveUpAfterMs: 10_000 };

/** A log that can be awaited: the n-th line that begins so. */
function listeningLog(): Log & { line(text: string): Promise<Record<string, unknown>> } {
  const seen: { text: string; fields: Record<string, unknown> }[] = [];
  let look = () => {};
  const note = (text: string, fields: Record<string, unknown> = {}) => {
    seen.push({ text, fields });
    look();
  };
  return {
    ...silentLog,
    warn: note,
    line(text) {
      return new Promise((resolve) => {
        look = () => {
          const found = seen.find((entry) => entry.text.startsWith(text));
          if (found) resolve(found.fields);
        };
        look();
      });
    },
  };
}

function start(context: TestContext, options: Partial<NotifierOptions> = {}) {
  const log = listeningLog();
  const notifier = createNotifier({ log, ...quick, ...options });
  context.after(() => notifier.stop());
  return { notifier, log };
}

const status =
  (code: number, headers: Record<string, string> = {}) =>
  (response: ServerResponse): unknown =>
    response.writeHead(code, headers).end();

test("notifications arrive as JSON, in their order", async (context) => {
  let type: string | undefined;
  const receiver = await startReceiver(context, (response, _nth, request) => {
    type = request.headers["content-type"];
    ok(response);
  });
  const { notifier } = start(context);
  for (let n = 0; n < 20; n++) notifier.notify({ id: "a", callback: receiver.url }, { n });
  await receiver.tries(20);
  assert.deepEqual(
    receiver.bodies,
    Array.from({ length: 20 }, (_, n) => ({ n })),
  );
  assert.equal(type, "application/json");
});

test("what fails for a while is tried again until it arrives, and what is behind it waits", async (context) => {
  const bad = [500, 503, 429, 408];
  const receiver = await startReceiver(context, (response, nth) => status(bad[nth] ?? 204)(response));
  const { notifier } = start(context);
  notifier.notify({ id: "a", callback: receiver.url }, "first");
  notifier.notify({ id: "a", callback: receiver.url }, "second");
  await receiver.tries(6);
  assert.deepEqual(receiver.bodies, ["first", "first", "first", "first", "first", "second"]);
});

test("an answer that is final is not asked for again", async (context) => {
  for (const code of [400, 401, 404, 301, 307]) {
    const receiver = await startReceiver(context, (response, nth) =>
      nth === 0 ? status(code, { location: "http://127.0.0.1:1/" })(response) : ok(response),
    );
    const { notifier } = start(context);
    notifier.notify({ id: "a", callback: receiver.url }, "first");
    notifier.notify({ id: "a", callback: receiver.url }, "second");
    await receiver.tries(2);
    assert.deepEqual(receiver.bodies, ["first", "second"], String(code));
    assert.equal(notifier.stats().dropped, 1);
  }
});

test("a redirect is not followed, not even on the same host", async (context) => {
  let followed = false;
  const receiver = await startReceiver(context, (response, nth, request) => {
    followed ||= request.url === "/elsewhere";
    if (nth === 0) status(308, { location: "/elsewhere" })(response);
    else ok(response);
  });
  const { notifier, log } = start(context);
  notifier.notify({ id: "a", callback: receiver.url }, "first");
  assert.equal((await log.line("notification given up")).reason, "the receiver answered 308");
  notifier.notify({ id: "a", callback: receiver.url }, "second");
  await receiver.tries(2);
  assert.equal(followed, false);
});

test("nobody listens: tried again, then given up", async (context) => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  const { notifier, log } = start(context, { giveUpAfterMs: 200 });
  notifier.notify({ id: "a", callback: `http://127.0.0.1:${port}/` }, "lost");
  assert.match(String((await log.line("notification given up")).reason), /ECONNREFUSED/);
});

/** A receiver below HTTP. */
async function rawReceiver(context: TestContext, onRequest: (socket: Socket) => void) {
  let connections = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    connections++;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("data", () => onRequest(socket));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as { port: number };
  return { url: `http://127.0.0.1:${port}/`, connections: () => connections };
}

const failures: readonly [name: string, onRequest: (socket: Socket) => void, reason: RegExp][] = [
  ["hangs", () => {}, /did not answer within 100 ms/],
  ["closes at once", (socket) => socket.destroy(), /hang up|ECONNRESET/],
  [
    "closes in the middle of the head",
    (socket) => socket.end("HTTP/1.1 20"),
    /hang up|ECONNRESET|Parse|aborted/i,
  ],
  ["speaks no HTTP", (socket) => socket.end("220 smtp.example ESMTP\r\n"), /Parse Error|Expected HTTP/],
  [
    "sends a head without an end",
    (socket) => socket.write("HTTP/1.1 200 OK\r\nx: "),
    /did not answer within 100 ms/,
  ],
  [
    "sends a head beyond all measure",
    (socket) => socket.write(`HTTP/1.1 200 OK\r\nx: ${"a".repeat(64 * 1024)}\r\n\r\n`),
    /Header overflow|Parse Error/,
  ],
];
for (const [name, onRequest, reason] of failures) {
  test(`a receiver that ${name} is tried again`, async (context) => {
    const receiver = await rawReceiver(context, onRequest);
    const { notifier, log } = start(context, { timeoutMs: 100, giveUpAfterMs: 400 });
    notifier.notify({ id: "a", callback: receiver.url }, "x");
    assert.match(String((await log.line("notification given up")).reason), reason);
    assert.ok(receiver.connections() > 1, `${receiver.connections()} connections`);
  });
}

const slow: readonly [name: string, onRequest: (socket: Socket) => void][] = [
  ["whose body never ends", (socket) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nx")],
  [
    "that closes midway through its body",
    (socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nx"),
  ],
  [
    "whose body is larger than anybody asked for",
    (socket) => {
      socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
      const chunk = `4000\r\n${"a".repeat(0x4000)}\r\n`;
      const more = () => {
        while (!socket.destroyed && socket.write(chunk));
      };
      socket.on("drain", more);
      more();
    },
  ],
];
for (const [name, onRequest] of slow) {
  test(`an answer ${name} counts by its status, and holds nobody up`, async (context) => {
    const receiver = await rawReceiver(context, onRequest);
    const { notifier } = start(context);
    const startMs = performance.now();
    notifier.notify({ id: "a", callback: receiver.url }, 1);
    notifier.notify({ id: "a", callback: receiver.url }, 2);
    while (notifier.stats().delivered < 2) {
      assert.ok(performance.now() - startMs < 10_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(receiver.connections(), 2);
  });
}

test("a certificate that nobody vouches for is refused, one of the given CA is taken", async (context) => {
  const directory = await scratch();
  const key = join(directory, "key.pem");
  const cert = join(directory, "cert.pem");
  execFileSync(
    "openssl",
    [
      ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=receiver".split(
        " ",
      ),
      ...["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
    ],
    { stdio: "ignore" },
  );
  const pair = { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
  const receiver = await startReceiver(context, ok, pair);
  const strict = start(context, { giveUpAfterMs: 100 });
  strict.notifier.notify({ id: "a", callback: receiver.url }, "secret");
  assert.match(String((await strict.log.line("notification given up")).reason), /self-signed certificate/);
  assert.deepEqual(receiver.bodies, []);
  const trusting = start(context, { ca: [pair.cert] });
  trusting.notifier.notify({ id: "a", callback: receiver.url }, "told");
  await receiver.tries(1);
  assert.deepEqual(receiver.bodies, ["told"]);
});

test("a receiver that hangs holds up no other", async (context) => {
  const hung = await rawReceiver(context, () => {});
  const receiver = await startReceiver(context);
  const { notifier } = start(context, { mostAtOnce: 2 });
  notifier.notify({ id: "hung", callback: hung.url }, "x");
  for (let n = 0; n < 10; n++) notifier.notify({ id: "well", callback: receiver.url }, n);
  await receiver.tries(10);
  assert.equal(receiver.bodies.length, 10);
});

test("a full queue drops the oldest that waits, and says so", async (context) => {
  const held: ServerResponse[] = [];
  const receiver = await startReceiver(context, (response, nth) => {
    if (nth === 0) held.push(response);
    else ok(response);
  });
  const { notifier, log } = start(context, { mostWaiting: 3 });
  notifier.notify({ id: "a", callback: receiver.url }, 0);
  await receiver.tries(1);
  for (let n = 1; n <= 5; n++) notifier.notify({ id: "a", callback: receiver.url }, n);
  await log.line("notification dropped");
  assert.equal(notifier.stats().waiting, 3);
  ok(held[0]!);
  await receiver.tries(4);
  assert.deepEqual(receiver.bodies, [0, 3, 4, 5]);
  assert.equal(notifier.stats().dropped, 2);
});

test("a receiver that is gone, or has taken nothing for long, is dead", async (context) => {
  for (const [code, deadAfterMs, giveUpAfterMs] of [
    [410, 60_000, 60_000],
    [500, 50, 60_000],
    [404, 0, 60_000],
  ] as const) {
    const receiver = await startReceiver(context, status(code));
    const { notifier } = start(context, { deadAfterMs, giveUpAfterMs });
    const dead = new Promise((resolve) => notifier.onDead((id, reason) => resolve({ id, reason })));
    notifier.notify({ id: "a", callback: receiver.url }, 1);
    notifier.notify({ id: "a", callback: receiver.url }, 2);
    assert.deepEqual(await dead, { id: "a", reason: `the receiver answered ${code}` });
    assert.equal(notifier.stats().waiting, 0);
    assert.ok(receiver.bodies.every((body) => body === 1));
  }
});

test("one success makes a receiver well again", async (context) => {
  const receiver = await startReceiver(context, (response, nth) =>
    status(nth % 2 === 0 ? 404 : 204)(response),
  );
  const { notifier } = start(context, { deadAfterMs: 60_000 });
  for (let n = 0; n < 4; n++) notifier.notify({ id: "a", callback: receiver.url }, n);
  await receiver.tries(4);
  while (notifier.stats().queues > 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(notifier.stats(), { queues: 0, waiting: 0, delivered: 2, dropped: 2 });
});

test("retry-after is waited for", async (context) => {
  const times: number[] = [];
  const receiver = await startReceiver(context, (response, nth) => {
    times.push(performance.now());
    status(nth === 0 ? 503 : 204, { "retry-after": "1" })(response);
  });
  const { notifier } = start(context);
  notifier.notify({ id: "a", callback: receiver.url }, 1);
  await receiver.tries(2);
  assert.ok(times[1]! - times[0]! >= 950, `${times[1]! - times[0]!} ms`);
});

test("what is forgotten is not sent any more, and a stop breaks off what is under way", async (context) => {
  const hung = await rawReceiver(context, () => {});
  const { notifier } = start(context, { timeoutMs: 60_000 });
  notifier.notify({ id: "a", callback: hung.url }, 1);
  notifier.notify({ id: "a", callback: hung.url }, 2);
  notifier.forget("a");
  assert.deepEqual(notifier.stats(), { queues: 0, waiting: 0, delivered: 0, dropped: 0 });
  notifier.notify({ id: "b", callback: hung.url }, 1);
  const startMs = performance.now();
  await notifier.stop();
  assert.ok(performance.now() - startMs < 5_000);
  notifier.notify({ id: "b", callback: hung.url }, 1);
  assert.equal(notifier.stats().queues, 0);
});

test("names that nobody resolves hold up neither each other's threads nor a receiver with an address", async (context) => {
  const receiver = await startReceiver(context);
  let asked = 0;
  const lookup = () => void asked++;
  const { notifier, log } = start(context, { lookup, timeoutMs: 100, giveUpAfterMs: 150, mostAtOnce: 64 });
  for (let n = 0; n < 40; n++) notifier.notify({ id: `lost ${n}`, callback: `http://n${n}.example/` }, n);
  const given = await log.line("notification given up");
  assert.match(String(given.reason), /not looked up: 18 names|did not answer within 100 ms/);
  assert.equal(asked, 2);
  notifier.notify({ id: "well", callback: receiver.url }, "well");
  await receiver.tries(1);
});

test("a name is dialled at the address that it has", async (context) => {
  const receiver = await startReceiver(context);
  const lookup: LookupFunction = (_name, options, callback) => {
    if (options.all) callback(null, [{ address: "127.0.0.1", family: 4 }]);
    else callback(null, "127.0.0.1", 4);
  };
  const { notifier } = start(context, { lookup });
  notifier.notify({ id: "a", callback: receiver.url.replace("127.0.0.1", "app.example") }, "told");
  await receiver.tries(1);
});

test("a name that changes its mind is not followed to an address that is refused", async (context) => {
  const lookup: LookupFunction = (_name, _options, callback) =>
    callback(null, [{ address: "169.254.169.254", family: 4 }]);
  const { notifier, log } = start(context, { lookup });
  notifier.notify({ id: "a", callback: "http://app.example/" }, "secret");
  assert.match(String((await log.line("notification given up")).reason), /resolves to 169\.254\.169\.254/);
});
