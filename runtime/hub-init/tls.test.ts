/** Who is let in, and what a handshake is worth: real nats-servers, real certificates. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { connect as connectPlain } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { connect } from "@nats-io/transport-node";
import { type Bus, startBus } from "../bus/bus.ts";
import { createReader } from "../hub/reader.ts";
import { type HubServer, startHubServer } from "../hub/server.ts";
import { provisionStream } from "../hub/stream.ts";
import { issueTokens } from "../hub/tokens.ts";
import { silentLog } from "../log.ts";
import { findNatsServer } from "../nats/find-server.ts";
import { counting, giveToken, runNode } from "../test-enrolling.ts";
import { createScratch } from "../test-scratch.ts";
import { caFileOf, issueCertificate, provideAuthority, readCertificate } from "./authority.ts";
import { provideCertificate, rotateHub } from "./rotate.ts";
import { startSites, until, writeLinkedNode } from "./test-site.ts";

const scratch = createScratch();

async function startHub(t: TestContext, dir: string, validMs?: number) {
  const { path: natsServerPath } = await findNatsServer();
  const tls = (await provideCertificate(dir, ["127.0.0.1"]))!;
  const enrolment = validMs === undefined ? {} : { validMs };
  const hub = await startHubServer({ dir, natsServerPath, nodes: ["n1"], tls, enrolment, log: silentLog });
  t.after(() => hub.stop());
  return { hub, tls };
}

async function startRemote(t: TestContext, hub: HubServer, caFile?: string): Promise<Bus> {
  const { path: natsServerPath } = await findNatsServer();
  const bus = await startBus({
    ...{ node: "n1", dir: await scratch(), natsServerPath, plugins: [], log: silentLog },
    link: {
      urls: [hub.leafUrl],
      credentialsFile: hub.credentialsFile("n1"),
      ...(caFile !== undefined && { tls: { caFile } }),
      reconnectMs: 100,
    },
  });
  t.after(() => bus.stop());
  return bus;
}

/** Resolves with why the link does not come up; rejects when it does. */
function refused(bus: Bus): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  bus.onLeafTrouble(resolve);
  bus.onLeafChange((up) => up && reject(new Error("the link came up")));
  return promise;
}

async function linked(bus: Bus): Promise<void> {
  await until(
    () => bus.leafState(),
    ({ connected }) => connected,
  );
}

/** What a handshake leads to: the server's certificate, or why it failed. */
async function handshake(port: number, options: ConnectionOptions): Promise<string> {
  const socket = connectTls({ host: "127.0.0.1", port, ...options });
  const { promise, resolve } = Promise.withResolvers<string>();
  socket.once("error", ({ message }) => resolve(message));
  socket.once("secureConnect", () => resolve(socket.getPeerX509Certificate()!.fingerprint256));
  return promise.finally(() => socket.destroy());
}

test("a node links over TLS to the hub whose CA it has, and trusts none of the system's instead", async (t) => {
  const { hub, tls } = await startHub(t, await scratch());
  assert.match(hub.leafUrl, /^tls:/);
  await linked(await startRemote(t, hub, tls.caFile));

  const other = join(await scratch(), "tls");
  await provideAuthority(other);
  // What counts as the system's CAs for a nats-server that is started now.
  process.env.SSL_CERT_FILE = tls.caFile;
  t.after(() => delete process.env.SSL_CERT_FILE);
  assert.match(await refused(await startRemote(t, hub, caFileOf(other))), /unknown authority/);
  await linked(await startRemote(t, hub));
});

test("a hub with a certificate of the CA for another name is no hub", async (t) => {
  const dir = await scratch();
  const { hub, tls } = await startHub(t, dir);
  await issueCertificate(join(dir, "tls"), tls.certFile, ["hub.example.org"]);
  await hub.reloadCertificates();
  assert.match(await refused(await startRemote(t, hub, tls.caFile)), /127\.0\.0\.1/);
});

test("servers of umec hub init take TLS 1.3 alone, and from nodes nothing before it", async (t) => {
  const sites = await startSites(t, join(await scratch(), "hub"), 1);
  const { clientPort, leafPort } = sites.setup.sites[0]!;
  const ca = await readFile(join(sites.root, "ca.pem"));
  for (const port of [clientPort, leafPort]) {
    assert.match(await handshake(port, { ca }), /^[0-9A-F:]+$/);
    assert.match(await handshake(port, { ca, maxVersion: "TLSv1.2" }), /protocol version/);
    assert.match(await handshake(port, {}), /certificate/);
  }
  const url = `nats://127.0.0.1:${clientPort}`;
  await assert.rejects(connect({ servers: url, tls: null, reconnect: false }));
  // No greeting in the clear.
  const plain = connectPlain(leafPort, "127.0.0.1");
  plain.write("CONNECT {}\r\n");
  const heard: Buffer[] = [];
  plain.on("data", (part) => heard.push(part));
  await once(plain, "close");
  assert.doesNotMatch(Buffer.concat(heard).toString("latin1"), /INFO/);
});

test("through new certificates and a new CA samples flow, none is lost, and the node trusts the new CA alone in the end", async (t) => {
  const dir = await scratch();
  const { hub, tls } = await startHub(t, dir, 6000);
  const fleet = await hub.connectFleet();
  t.after(() => fleet.close());
  await provisionStream(fleet, { log: silentLog });
  const nodeDir = await scratch();
  const path = await writeLinkedNode(nodeDir, [hub.leafUrl], await readFile(tls.caFile, "utf8"));
  const { node, until: untilNode } = await runNode(t, path, counting());
  const [token] = await issueTokens(hub.desk, [{ node: "n1" }]);
  await giveToken(nodeDir, token!);
  await untilNode(({ enrolment, link }) => enrolment?.state === "enrolled" && link.sentSamples > 5);

  // Claims of 6 s are renewed every 4 s or so, each time with a new link, so the CAs arrive quickly here.
  let longestMs = 0;
  let downSinceMs: number | undefined;
  const watch = setInterval(async () => {
    const { link } = await node.status().catch(() => ({ link: { state: "off" } }));
    if (link.state === "up") downSinceMs = undefined;
    else if (link.state === "down") {
      downSinceMs ??= performance.now();
      longestMs = Math.max(longestMs, performance.now() - downSinceMs);
    }
  }, 20);
  t.after(() => clearInterval(watch));
  const port = Number(new URL(hub.leafUrl).port);
  const shown = async () => handshake(port, { ca: await readFile(tls.caFile) });
  const flow = async () => {
    const { link } = await node.status();
    await untilNode((status) => status.link.sentSamples > link.sentSamples + 10);
  };
  const trusts = async (count: number) =>
    until(
      async () => (await readFile(join(nodeDir, "hub-ca.pem"), "utf8")).match(/BEGIN/g)?.length,
      (found) => found === count,
    );

  const before = await shown();
  assert.deepEqual((await rotateHub(dir)).renewed, true);
  await hub.reloadCertificates();
  assert.notEqual(await shown(), before);
  assert.equal(await shown(), (await readCertificate(tls.certFile)).fingerprint256);
  await flow();
  await rotateHub(dir, { step: "prepare" });
  await trusts(2);
  await flow();
  await rotateHub(dir, { step: "use" });
  await hub.reloadCertificates();
  assert.equal(await shown(), (await readCertificate(tls.certFile)).fingerprint256);
  await flow();
  await rotateHub(dir, { step: "finish" });
  await trusts(1);
  await flow();
  assert.equal(await readFile(join(nodeDir, "hub-ca.pem"), "utf8"), await readFile(tls.caFile, "utf8"));
  assert.ok(longestMs < 5000, `the link was down for ${longestMs} ms`);
  t.diagnostic(`longest time without a link ${Math.round(longestMs)} ms`);

  await untilNode(({ outbox }) => outbox.waitingRows === 0);
  await node.stop();
  const samples = await Array.fromAsync(createReader(fleet).samples({ node: "n1", plugin: "p1" }));
  const values = samples.map(({ value }) => Number(value)).sort((a, b) => a - b);
  assert.ok(values.length > 40);
  assert.deepEqual(
    values,
    values.map((_, n) => n),
    "lost, or twice",
  );
});

test("a new certificate leaves the link that is there alone", async (t) => {
  const dir = await scratch();
  const { hub, tls } = await startHub(t, dir);
  const bus = await startRemote(t, hub, tls.caFile);
  await linked(bus);
  const changes: boolean[] = [];
  bus.onLeafChange((up) => changes.push(up));
  await rotateHub(dir);
  await hub.reloadCertificates();
  await linked(bus);
  // Whoever dials from here on meets the new one.
  const port = Number(new URL(hub.leafUrl).port);
  const ca = await readFile(tls.caFile);
  assert.equal(await handshake(port, { ca }), (await readCertificate(tls.certFile)).fingerprint256);
  assert.deepEqual(changes, []);
});

test("what is no CA does not get into the node's file", async () => {
  const { takeHubCa } = await import("../enrol/hub-ca.ts");
  const dir = await scratch();
  const tls = (await provideCertificate(dir, ["127.0.0.1"]))!;
  const path = join(dir, "hub-ca.pem");
  await writeFile(path, "before");
  const server = (await readFile(tls.certFile, "utf8")).replace(/^.*?(?=-----BEGIN CERT)/s, "");
  for (const pem of [
    "",
    "no PEM",
    server,
    7,
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
  ])
    await assert.rejects(takeHubCa(path, pem), { code: "LINK_CA_INVALID" });
  assert.equal(await readFile(path, "utf8"), "before");
  const ca = await readFile(tls.caFile, "utf8");
  assert.deepEqual([await takeHubCa(path, ca), await takeHubCa(path, ca)], [true, false]);
});
