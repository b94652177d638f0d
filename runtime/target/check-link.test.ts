import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { checkTarget } from "./check.ts";
import { twoDrivers } from "./fixtures/drivers.ts";

async function check(hub: string, { directory = "/nowhere", rest = "" } = {}) {
  const text = `node: lamp\nlink:\n  hub: ${hub}\n  credentials: ./lamp.creds\n${rest}`;
  return checkTarget(text, { path: join(directory, "node.yaml"), drivers: twoDrivers() });
}

test("a missing credentials file is a warning: the node still stores", async () => {
  const { target, findings } = await check("tls://hub.example.org");
  assert.equal(target?.link?.credentialsPath, "/nowhere/lamp.creds");
  assert.deepEqual(
    findings.map(({ line, column, severity, reason }) => ({ line, column, severity, reason })),
    [{ line: 4, column: 16, severity: "warning", reason: "there is no file /nowhere/lamp.creds" }],
  );
});

test("files that are there are no finding", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "umec-target-"));
  t.after(() => rm(directory, { recursive: true }));
  await writeFile(join(directory, "lamp.creds"), "");
  assert.deepEqual((await check("tls://hub.example.org", { directory })).findings, []);
  const { findings } = await check("tls://hub.example.org", { directory, rest: "  ca: ./ca.pem\n" });
  assert.deepEqual(
    findings.map(({ pointer, severity }) => `${severity} ${pointer}`),
    ["warning /link/ca"],
  );
});

test("a port that can't be is an error", async () => {
  const { target, findings } = await check("[tls://a:7422, 'tls://a:99999']");
  assert.equal(target, undefined);
  assert.deepEqual([findings[0]?.pointer, findings[0]?.line], ["/link/hub/1", 3]);
  assert.equal(findings[0]?.reason, "the port 99999 must be between 1 and 65535");
});

test("a link that may be unencrypted is a warning, except on loopback", async () => {
  const warned = async (hub: string) =>
    (await check(hub)).findings.filter(({ pointer }) => pointer === "/link/hub").map(({ hint }) => hint);
  assert.deepEqual(await warned("nats-leaf://hub.example.org:7422"), ["use tls://hub.example.org:7422"]);
  assert.deepEqual(await warned("nats-leaf://127.0.0.1:7422"), []);
  assert.deepEqual(await warned("'nats-leaf://[::1]:7422'"), []);
});

test("a link without credentials is that of a node that enrols: a warning as long as it has neither token nor claims", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "umec-target-"));
  t.after(() => rm(directory, { recursive: true }));
  const enrols = () =>
    checkTarget("node: lamp\nlink: { hub: 'tls://hub.example.org' }\ndata: ./d\n", {
      path: join(directory, "node.yaml"),
      drivers: twoDrivers(),
    });
  const { target, findings } = await enrols();
  assert.equal(target?.link?.credentialsPath, undefined);
  const [{ severity, pointer, reason, line } = {}] = findings;
  assert.deepEqual([findings.length, severity, pointer, line], [1, "warning", "/link", 2]);
  assert.equal(reason, `names no credentials, and there is no token ${directory}/enrolment-token`);
  await writeFile(join(directory, "enrolment-token"), "");
  assert.deepEqual((await enrols()).findings, []);
  await rm(join(directory, "enrolment-token"));
  await mkdir(join(directory, "d", "keys"), { recursive: true });
  await writeFile(join(directory, "d", "keys", "hub.json"), "{}");
  assert.deepEqual((await enrols()).findings, []);
});
