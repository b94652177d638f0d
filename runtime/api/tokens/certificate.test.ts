import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readFile, stat, writeFile } from "node:fs/promises";
import { get } from "node:https";
import { join } from "node:path";
import { test } from "node:test";
import { silentLog } from "../../log.ts";
import { createScratch } from "../../test-scratch.ts";
import { serveTestApi } from "../http/test-api.ts";
import { nodeCertificate } from "./certificate.ts";

const scratch = createScratch();
const hosts = ["lamp-0042.example.org", "127.0.0.1", "::1", "2001:db8::7:0:1", "localhost"];
const nowMs = Date.UTC(2026, 10, 30);
const yearMs = 365.25 * 86_400_000;

test("the certificate is one of a TLS server, for its hosts alone", async (t) => {
  const dir = join(await scratch(), "keys");
  const { key, cert } = await nodeCertificate({ dir, name: "lamp-0042", hosts, nowMs, log: silentLog });
  const parsed = new X509Certificate(cert);
  assert.equal(parsed.subject, "CN=lamp-0042");
  assert.ok(parsed.verify(parsed.publicKey));
  assert.equal(parsed.ca, false);
  assert.equal(Date.parse(parsed.validFrom), 0);
  for (const host of hosts) assert.ok(parsed.checkHost(host) ?? parsed.checkIP(host), host);
  assert.equal(parsed.checkIP("2001:db8::8"), undefined);
  assert.equal((await stat(join(dir, "tls-key.pem"))).mode & 0o777, 0o600);

  const api = await serveTestApi([], undefined, { tls: { key, cert } });
  t.after(() => api.stop());
  assert.match(api.url, /^https:/);
  const { port } = new URL(api.url);
  const statusAt = async (servername: string, ca: string) => {
    const request = get({ host: "127.0.0.1", port, path: "/x", ca, servername, agent: false });
    const [answer] = await once(request, "response");
    answer.resume();
    return answer.statusCode;
  };
  assert.equal(await statusAt("localhost", cert), 404);
  await assert.rejects(statusAt("elsewhere.example.org", cert), { code: "ERR_TLS_CERT_ALTNAME_INVALID" });
  const other = await nodeCertificate({ dir: await scratch(), name: "x", hosts, nowMs, log: silentLog });
  await assert.rejects(statusAt("localhost", other.cert), { code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
  // New connections get the new one.
  api.setTls(other);
  assert.equal(await statusAt("localhost", other.cert), 404);
});

test("it stays as it is, until a year is left or other hosts are asked for; its key stays", async () => {
  const dir = await scratch();
  const ask = (at: number, names = hosts) =>
    nodeCertificate({ dir, name: "n", hosts: names, nowMs: at, log: silentLog });
  const first = await ask(nowMs);
  assert.deepEqual(await ask(nowMs + 8.9 * yearMs), first);
  assert.deepEqual(await ask(nowMs, hosts.slice(1)), first);
  const renewed = await ask(nowMs + 9.1 * yearMs);
  assert.equal(renewed.key, first.key);
  assert.notEqual(renewed.cert, first.cert);
  const more = await ask(nowMs + 9.1 * yearMs, [...hosts, "10.0.0.1"]);
  assert.equal(more.key, first.key);
  assert.notEqual(more.cert, renewed.cert);
  // After 2049 the time has another form.
  const late = await ask(Date.UTC(2060));
  assert.ok(Date.parse(new X509Certificate(late.cert).validTo) > Date.UTC(2069));
});

test("a clock in the past makes none that is over, and what is damaged is made anew", async () => {
  const dir = await scratch();
  const ask = () => nodeCertificate({ dir, name: "n", hosts, nowMs: 0, log: silentLog });
  const first = await ask();
  assert.ok(Date.parse(new X509Certificate(first.cert).validTo) > Date.UTC(2035));
  await writeFile(join(dir, "tls-cert.pem"), "rubbish");
  assert.equal((await ask()).key, first.key);
  await writeFile(join(dir, "tls-key.pem"), "rubbish");
  const anew = await ask();
  assert.notEqual(anew.key, first.key);
  assert.equal(await readFile(join(dir, "tls-key.pem"), "utf8"), anew.key);
  assert.ok(new X509Certificate(anew.cert).verify(new X509Certificate(anew.cert).publicKey));
});
