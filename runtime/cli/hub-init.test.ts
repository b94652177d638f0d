import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { readCertificate } from "../hub-init/authority.ts";
import { layout } from "../hub-init/setup.ts";
import { connectAs, startSites } from "../hub-init/test-site.ts";
import type { HubReady } from "./hub-serve.ts";
import { scratch, startUmec, umec } from "./test-program.ts";

test("a hub is laid out, served, gives a card, is read over TLS and gets another certificate", async (t) => {
  await using dir = await scratch();
  const root = join(dir.path, "hub");
  const sites = await startSites(t, root, 1);
  const data = layout.secret(root);
  await using service = startUmec(["hub", "--init", root, "--json"]);
  const ready = JSON.parse(await service.firstLine());
  assert.deepEqual(ready.leafUrls, sites.leafUrls);

  const card = await umec(["hub", "card", "n1", "--token", "--data", data, "--hub-url", ready.leafUrls[0]]);
  assert.equal(card.code, 0, card.stderr);
  assert.equal(JSON.parse(card.stdout).hub.ca, await readFile(layout.ca(root), "utf8"));

  const fleet = await connectAs(sites, "fleet");
  await fleet.request("umec.n1.p1.telemetry", "no frame");
  const creds = join(data, "fleet.creds");
  const where = ["--url", ready.clientUrls[0], "--creds", creds];
  const read = await umec(["hub", "read", ...where, "--tls-ca", layout.ca(root), "n1", "p1"]);
  assert.equal(read.code, 5, read.stderr);

  const file = layout.certificate(root, sites.setup.sites[0]!);
  const before = (await readCertificate(file)).serialNumber;
  const rotated = await umec(["hub", "rotate-certificate", "--data", data]);
  assert.match(
    rotated.stdout,
    /^the hub has a new certificate\ncarry to the servers, and send nats-server SIGHUP: .*server\.pem\n/,
  );
  assert.notEqual((await readCertificate(file)).serialNumber, before);
});

test("umec hub init says what it made; half of an operator is a mistake", async () => {
  await using dir = await scratch();
  const root = join(dir.path, "hub");
  const args = ["hub", "init", root, "--servers", "a.example.org,b.example.org,c.example.org"];
  const made = await umec(args);
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stdout, /server-c +to c\.example\.org\n/);
  assert.match(made.stdout, /for nodes +tls:\/\/a\.example\.org:7422 tls:\/\/b/);
  assert.match((await umec([...args, "--operator", "x"])).stderr, /belong together/);
});

test("the embedded hub takes nodes and readers over TLS with a CA of its own, and renews at once", async () => {
  await using dir = await scratch();
  const data = join(dir.path, "hub");
  // Loopback in a form that counts as open to other machines.
  const listen = ["--listen", "[::ffff:127.0.0.1]:0", "--leaf-listen", "127.0.0.1:0"];
  await using hub = startUmec(["hub", "--data", data, ...listen, "--tls-host", "127.0.0.1", "--json"]);
  const ready: HubReady = JSON.parse(await hub.firstLine());
  assert.match(ready.clientUrl, /^tls:/);
  assert.match(ready.leafUrl, /^tls:/);
  const rotated = await umec(["hub", "rotate-certificate", "--data", data]);
  assert.equal(rotated.stdout, "the hub has a new certificate\n", rotated.stderr);
  const url = `tls://127.0.0.1:${new URL(ready.clientUrl).port}`;
  const access = ["--url", url, "--creds", ready.fleetCredentials, "--tls-ca", ready.ca!];
  const read = await umec(["hub", "read", ...access, "n1", "p1"]);
  assert.equal(read.code, 0, read.stderr);
});
