import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
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
