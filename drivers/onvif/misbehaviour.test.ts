import assert from "node:assert/strict";
import { test } from "node:test";
import type { Misbehaviour } from "./simulator-state.ts";
import { bench } from "./test-camera.ts";

const cases: readonly [what: string, misbehaviour: Misbehaviour, reason: RegExp][] = [
  ["HTML", { answer: "html" }, /HTML page, not XML/],
  ["a cut envelope", { answer: "truncated" }, /broken XML/],
  ["a huge body", { answer: "huge" }, /more than 1048576 bytes/],
  ["elements without end", { answer: "deep" }, /broken XML/],
  ["an empty 500", { answer: "status-500" }, /status 500/],
  ["an answer that breaks off", { answer: "hang-up" }, /broke off/],
  ["no HTTP", { answer: "garbage" }, /no HTTP/],
  ["silence", { answer: "silent" }, /no whole answer within 200 ms/],
  ["slowness", { slowMs: 1000 }, /no whole answer within 200 ms/],
  ["401 again and again", { loop401: true }, /refused \(status 401\)/],
  ["nonces that are always stale", { alwaysStale: true }, /refused \(status 401\)/],
  ["a redirect in a circle", { redirect: "%/onvif/device_service" }, /redirects again and again/],
  [
    "a redirect to another host",
    { redirect: "http://10.99.99.99/" },
    /redirects to http:\/\/10\.99\.99\.99\/, which is not/,
  ],
];

for (const [what, misbehaviour, reason] of cases) {
  test(`${what}: the camera is away with the reason, and back when it behaves`, async () => {
    await using at = await bench({ auth: "digest-md5" }, { timeoutMs: 200 });
    await at.run.samples(({ name, value }) => name === "online" && value === true);
    at.camera.state.misbehaviour = misbehaviour;
    at.camera.events.forget();
    await at.run.samples(({ name, value }) => name === "online" && value === false);
    const line = await at.run.line(/is away/);
    assert.match(line.message, reason);
    at.camera.state.misbehaviour = {};
    await at.run.samples(({ name, value }) => name === "online" && value === true, { count: 2 });
  });
}

test("a redirect at the same host is followed", async () => {
  await using at = await bench({ misbehaviour: { redirect: "%/moved*" } }, { events: { enabled: false } });
  const [online] = await at.run.samples(({ name }) => name === "online");
  assert.equal(online?.value, true);
});
