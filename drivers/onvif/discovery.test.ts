import assert from "node:assert/strict";
import { test } from "node:test";
import { recordingLog } from "../../runtime/plugin/testkit.ts";
import { discover, foundOf } from "./discover.ts";
import { probe } from "./discovery.ts";
import { readProbeMatches } from "./discovery-message.ts";
import { startDiscovery } from "./simulator-discovery.ts";

const log = recordingLog(() => {});

async function first<T>(all: AsyncIterable<T>): Promise<T | undefined> {
  for await (const each of all) return each;
  return undefined;
}

for (const [host, at, xaddr] of [
  [
    "127.0.0.1",
    (port: number) => `127.0.0.1:${port}`,
    "http://10.1.2.3/x http://127.0.0.1:8080/onvif/device_service",
  ],
  [
    "::1",
    (port: number) => `[::1]:${port}`,
    "http://[fe80::1]/onvif/device_service http://[::1]:8080/onvif/device_service",
  ],
] as const) {
  test(`a camera that is asked at ${host} is found, with options that reach it from here`, async () => {
    await using camera = await startDiscovery({ host, xaddrs: xaddr });
    const found = await first(discover({ at: at(camera.port), signal: new AbortController().signal, log }));
    assert.deepEqual(found, {
      summary: `${host} port 8080: Front door D1-734 (ONVIF)`,
      plugin: { name: "camera-334455", options: { host, port: 8080 } },
    });
  });
}

test("a group is probed, and the first probe's loss does not matter", async () => {
  const group = "239.255.255.250";
  await using camera = await startDiscovery({
    group,
    xaddrs: "http://127.0.0.1/onvif/device_service",
    garbage: true,
  });
  const target = { address: group, port: camera.port, from: "127.0.0.1" };
  const answers = [];
  for await (const answer of probe([target], { waitMs: 400, signal: new AbortController().signal }))
    answers.push(answer);
  assert.equal(answers.length, 1);
  assert.equal(answers[0]?.sender, "127.0.0.1");
  assert.equal(camera.probes, 2);
});

test("looking ends with the signal", async () => {
  const target = { address: "127.0.0.1", port: 9 };
  const answers = probe([target], { waitMs: 60_000, signal: AbortSignal.timeout(20) });
  assert.equal(await first(answers), undefined);
});

test("a camera that names only another's address is reached where it answered", () => {
  const answer = {
    id: "urn:uuid:1-ab",
    addresses: ["https://10.9.9.9/service"],
    scopes: {},
    sender: "192.168.1.7",
  };
  assert.deepEqual(foundOf(answer), {
    summary: "192.168.1.7 port 443: a camera (ONVIF)",
    plugin: { name: "camera-1ab", options: { host: "192.168.1.7", path: "/service", tls: {} } },
  });
});

test("what is no answer to us gives nothing", () => {
  for (const text of ["", "<a/>", "<Envelope><RelatesTo>urn:uuid:x</RelatesTo></Envelope>", "{}"]) {
    assert.deepEqual(readProbeMatches(text, "x"), []);
  }
});

test("an address that can't be one is refused by name", async () => {
  const signal = new AbortController().signal;
  for (const at of ["a:b:c:nowhere", "host:99999", "[::1"]) {
    await assert.rejects(first(discover({ at, signal, log })), { code: "ONVIF_ADDRESS" });
  }
});
