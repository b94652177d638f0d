import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { trust } from "../test-app-bus.ts";
import { scratch, startUmec, umec } from "./test-program.ts";

const fixture = {
  apps: [
    {
      name: "board",
      appInstanceId: "5abe4782-2c70-4e47-9a4e-0ee3a1a0fd1f",
      secret: "of the board",
      services: [
        {
          serInstanceId: "service-1",
          serName: "weather",
          version: "1",
          state: "ACTIVE",
          serializer: "JSON",
          transportId: "rest",
        },
      ],
    },
  ],
  devices: [{ deviceId: "sensor-1", deviceAuthenticationInfo: "none", imsi: "001010000000001" }],
  plugins: [
    {
      name: "lamp",
      points: [
        {
          name: "hall/level",
          access: "read-write",
          unit: "%",
          schema: { type: "number", maximum: 100 },
          value: 5,
        },
      ],
    },
  ],
};

async function fixtureFile(dir: string, contents: unknown = fixture): Promise<string> {
  const file = join(dir, "fixture.json");
  await writeFile(file, JSON.stringify(contents));
  return file;
}

test("a suite without tokens finds what the fixture says, at its identifiers", async () => {
  await using dir = await scratch();
  const file = await fixtureFile(dir.path);
  const args = ["--listen", "127.0.0.1:0", "--plain", "--open", "--iot-root", "/amsi/v1", "--json"];
  await using api = startUmec(["api", "serve", "--fixture", file, ...args]);
  const { url } = JSON.parse(await api.firstLine()) as { url: string };
  const get = async (path: string) => (await (await fetch(url + path)).json()) as never;
  const service: { serName: string } = await get("/mec_service_mgmt/v1/services/service-1");
  assert.equal(service.serName, "weather");
  const device: { deviceId: string } = await get("/amsi/v1/registered_devices/sensor-1");
  assert.equal(device.deviceId, "sensor-1");
  const level = `${url}/things/lamp/properties/hall.level`;
  const put = (value: number): Promise<Response> =>
    fetch(level, { method: "PUT", headers: { "content-type": "application/json" }, body: String(value) });
  assert.equal((await put(500)).status, 400);
  assert.ok((await put(40)).ok);
  assert.equal(await (await fetch(level)).json(), 40);
  api.process.kill("SIGTERM");
  const { code, stderr } = await api.ended;
  assert.equal(code, 0, stderr);
  assert.match(stderr, /ANYBODY/);
});

test("without --open it asks for a token, by TLS, and keeps its keys and what was said in --data", async () => {
  await using dir = await scratch();
  const data = join(dir.path, "lab");
  const file = await fixtureFile(dir.path);
  const args = ["--listen", "127.0.0.1:0", "--data", data, "--json"];
  await using api = startUmec(["api", "serve", "--fixture", file, ...args]);
  const { url } = JSON.parse(await api.firstLine()) as { url: string };
  trust(await readFile(join(data, "tls-cert.pem"), "utf8"));
  assert.equal((await fetch(`${url}/things`)).status, 401);
  const token = await fetch(`${url}/oauth2/v1/token`, {
    method: "POST",
    headers: { authorization: `Basic ${Buffer.from("board:of the board").toString("base64")}` },
    body: new URLSearchParams({ grant_type: "client_credentials" }),
  });
  const { access_token } = (await token.json()) as { access_token: string };
  const things = await fetch(`${url}/things`, { headers: { authorization: `Bearer ${access_token}` } });
  assert.equal(((await things.json()) as unknown[]).length, 1);
  assert.match(await readFile(join(data, "state.json"), "utf8"), /service-1/);
});

test("what is open or plain stays on loopback, and a fixture with errors serves nothing", async () => {
  await using dir = await scratch();
  for (const option of ["--open", "--plain"]) {
    const { code, stderr } = await umec(["api", "serve", "--listen", "0.0.0.0:0", option]);
    assert.equal(code, 2);
    assert.match(stderr, /is for loopback only, and 0\.0\.0\.0 is not\nhint: /);
  }
  const file = await fixtureFile(dir.path, { apps: [{ name: "x" }], device: [] });
  const { code, stderr } = await umec(["api", "serve", "--fixture", file]);
  assert.equal(code, 2);
  assert.match(stderr, /has errors: .*appInstanceId.*|.*device/);
});
