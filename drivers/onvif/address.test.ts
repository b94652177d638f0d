import assert from "node:assert/strict";
import { test } from "node:test";
import { UmecError } from "../../runtime/plugin/sdk.ts";
import { baseUrl, createPlaces } from "./address.ts";
import { bench } from "./test-camera.ts";

const places = (host: string, port = 80) => createPlaces(baseUrl({ host, port, secure: false, path: "/d" }));

test("of an address that the camera names the path counts, and its port at the same host", () => {
  const at = places("10.0.0.7", 8000);
  assert.equal(at.of("http://10.0.0.7:81/a?b=1").href, "http://10.0.0.7:81/a?b=1");
  assert.equal(at.of("http://192.168.0.90:81/a").href, "http://10.0.0.7:8000/a");
  assert.equal(at.of("https://10.0.0.7/a").href, "http://10.0.0.7:8000/a");
  assert.equal(at.of("/still.jpg").href, "http://10.0.0.7:8000/still.jpg");
  assert.equal(places("fe80::1%eth0").of("http://[fe80::1]:81/a").href, "http://[fe80::1]:81/a");
  for (const bad of ["file:///etc/passwd", "http://["])
    assert.throws(() => at.of(bad), { code: "ONVIF_ADDRESS" });
});

test("a port where nobody answers is given up for the configured one, once and for all", async () => {
  const at = places("10.0.0.7", 8000);
  const asked: string[] = [];
  const ask = async ({ port }: URL): Promise<string> => {
    asked.push(port);
    if (port === "81") throw new UmecError("ONVIF_UNREACHABLE", "nobody");
    return port;
  };
  assert.equal(await at.use("http://10.0.0.7:81/a", ask), "8000");
  assert.equal(await at.use("http://10.0.0.7:81/b", ask), "8000");
  assert.deepEqual(asked, ["81", "8000", "8000"]);
});

test("a camera at an IPv6 address", async () => {
  await using at = await bench({ host: "::1", auth: "digest-sha256" });
  const [online] = await at.run.samples(({ name }) => name === "online");
  assert.equal(online?.value, true);
  assert.ok(await at.run.command("snapshot"));
});
