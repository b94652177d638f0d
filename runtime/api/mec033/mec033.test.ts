import assert from "node:assert/strict";
import { test } from "node:test";
import { serveMec033, testDevice, testPlatform } from "./test-mec033.ts";

// biome-ignore lint/suspicious/noExplicitAny: what a client sees has no type
type Any = any;
const api = await serveMec033();
const { ask, node } = api;
const json = async (answer: Promise<Response>): Promise<Any> => (await answer).json();
const metadata = (device: Any) =>
  Object.fromEntries(device.deviceMetadata.map(({ key, value }: Any) => [key, value]));
const idsOf = async (query = "", as = "tester"): Promise<string[]> =>
  (await json(ask("GET", `/registered_devices${query}`, { as }))).map((device: Any) => device.deviceId);

test("the node's points are devices that say how they are read and commanded", async () => {
  const wind = await json(ask("GET", "/registered_devices/weather.station.wind"));
  assert.equal(wind.enabled, true);
  assert.equal(wind.gpsi, "extid-weather.station.wind@lamp-0042");
  assert.equal(wind.requestedIotPlatformId, "lamp-0042");
  assert.deepEqual(metadata(wind), {
    plugin: "weather",
    point: "station/wind",
    driver: "http",
    unit: "m/s",
    access: "read",
    running: "true",
    thing: "/things/weather",
    property: "/things/weather/properties/station.wind",
    uplinkTopic: "umec.lamp-0042.weather.telemetry.station.wind",
    contentType: "application/senml+json",
  });
  const level = await json(ask("GET", "/registered_devices/lamp.dimmer.level"));
  assert.equal(level.downlinkInfo.downlinkTopic, "umec.lamp-0042.lamp.command.dimmer.level");
});

test("a point that the driver learnt is a device, too", async () => {
  assert.equal((await ask("GET", "/registered_devices/weather.station.learnt")).status, 404);
  node.emit({ plugin: "weather", point: "station/learnt", value: 1 });
  assert.equal((await ask("GET", "/registered_devices/weather.station.learnt")).status, 200);
});

test("an asker sees the points that it may use, and no others", async () => {
  assert.deepEqual(await idsOf("", "near"), ["weather.station.wind"]);
  assert.equal((await ask("GET", "/registered_devices/lamp.dimmer.level", { as: "near" })).status, 404);
  assert.equal((await ask("DELETE", "/registered_devices/lamp.dimmer.level", { as: "near" })).status, 404);
  const platform = await json(ask("GET", "/registered_iot_platforms/lamp-0042", { as: "near" }));
  assert.deepEqual(platform.userTransportInfo[0].implSpecificInfo, {
    eventTopics: [],
    uplinkTopics: ["umec.lamp-0042.weather.telemetry.station.wind"],
    downlinkTopics: [],
  });
});

test("the node is a platform: its bus by topics, and its things", async () => {
  const { userTransportInfo, customServicesTransportInfo, enabled } = await json(
    ask("GET", "/registered_iot_platforms/lamp-0042"),
  );
  const [bus] = userTransportInfo;
  assert.equal(enabled, true);
  assert.equal(bus.type, "MB_TOPIC_BASED");
  assert.deepEqual(bus.endpoint, { uris: ["wss://192.0.2.1:9222"] });
  assert.deepEqual(bus.security.oAuth2Info, {
    grantTypes: ["OAUTH2_CLIENT_CREDENTIALS"],
    tokenEndpoint: `${api.url}/oauth2/v1/token`,
  });
  assert.deepEqual(bus.implSpecificInfo.uplinkTopics, ["umec.lamp-0042.*.telemetry.>"]);
  assert.deepEqual(customServicesTransportInfo[0].endpoint, { uris: [`${api.url}/things`] });
});

test("without a bus the node is not enabled as a platform, nor are its devices", async () => {
  const alone = await serveMec033({ broker: undefined });
  const platform = await json(alone.ask("GET", "/registered_iot_platforms/lamp-0042"));
  assert.equal(platform.enabled, false);
  assert.equal((await json(alone.ask("GET", "/registered_devices/weather.station.wind"))).enabled, false);
});

test("enabled follows the traffic rule or the platform, whatever who registers says", async () => {
  const rule = {
    trafficRuleId: "r1",
    filterType: "per FLOW",
    priority: 1,
    trafficFilter: [{ srcAddress: ["192.0.2.0/24"] }],
    action: "PASSTHROUGH",
  } as const;
  const post = async (id: string, more: object) =>
    (await json(ask("POST", "/registered_devices", { body: { ...testDevice(id), ...more } }))).enabled;
  assert.equal(await post("e-none", { enabled: true }), false);
  assert.equal(await post("e-rule", { enabled: false, requestedMecTrafficRule: [rule] }), true);
  assert.equal(await post("e-ours", { requestedIotPlatformId: "lamp-0042" }), true);
  assert.equal(await post("e-later", { requestedIotPlatformId: "later" }), false);
  assert.equal(
    await post("e-which", { requestedIotPlatformId: "later", requestedUserTransportId: "second" }),
    false,
  );

  const enabled = async (id: string) => (await json(ask("GET", `/registered_devices/${id}`))).enabled;
  const one = testPlatform("later");
  const before = (await ask("GET", "/registered_devices/e-later")).headers.get("etag");
  assert.equal((await ask("POST", "/registered_iot_platforms", { body: one })).status, 201);
  assert.equal(await enabled("e-later"), true);
  assert.equal(await enabled("e-which"), false);
  assert.notEqual((await ask("GET", "/registered_devices/e-later")).headers.get("etag"), before);

  const two = [one.userTransportInfo[0]!, { ...one.userTransportInfo[0]!, id: "second" }];
  await ask("PUT", "/registered_iot_platforms/later", { body: { ...one, userTransportInfo: two } });
  assert.equal(await enabled("e-later"), false);
  assert.equal(await enabled("e-which"), true);

  await ask("PUT", "/registered_iot_platforms/later", {
    body: { ...one, userTransportInfo: two, enabled: false },
  });
  assert.equal(await enabled("e-which"), false);
});

test("a device without one of the seven identifiers is refused", async () => {
  const { imsi: _, ...body } = testDevice("anonymous");
  const response = await ask("POST", "/registered_devices", { body });
  assert.equal(response.status, 400);
  assert.equal((await ask("POST", "/registered_devices", { body: { ...body, iccid: "8901" } })).status, 201);
});

test("what identifies a device in a network is shown to who registered it and who maintains, to nobody else", async () => {
  await ask("POST", "/registered_devices", { body: testDevice("secret", { gpsi: "extid-a@b" }) });
  const seen = (as: string) => json(ask("GET", "/registered_devices/secret", { as }));
  for (const as of ["tester", "anna"]) {
    const { imsi, deviceAuthenticationInfo } = await seen(as);
    assert.deepEqual([imsi, deviceAuthenticationInfo], ["001010000000001", "a secret"], as);
  }
  const { imsi, deviceAuthenticationInfo, gpsi } = await seen("other");
  assert.deepEqual([imsi, deviceAuthenticationInfo, gpsi], [undefined, "", "extid-a@b"]);
  assert.deepEqual(await idsOf("?filter=(cont,imsi,001010000000001);(eq,deviceId,secret)"), ["secret"]);
  assert.deepEqual(await idsOf("?filter=(cont,imsi,001010000000001);(eq,deviceId,secret)", "other"), []);
});

test("attributes that nobody knows are dropped, and an id may have any characters", async () => {
  const id = "hall/1 ü?.#";
  const body = { ...testDevice(id), colour: "red" };
  const response = await ask("POST", "/registered_devices", { body });
  const at = new URL(response.headers.get("location")!).pathname;
  assert.deepEqual(await json(ask("GET", at, { root: "" })), { ...testDevice(id), enabled: false });
  assert.equal((await ask("DELETE", at, { root: "" })).status, 204);
});

test("the location is under the root by which it was asked for", async () => {
  const body = testDevice("aliased");
  const response = await ask("POST", "/registered_devices", { body, root: "/amsi/v1" });
  assert.equal(response.headers.get("location"), `${api.url}/amsi/v1/registered_devices/aliased`);
});

test("filters and selectors make the list smaller", async () => {
  await ask("POST", "/registered_devices", { body: testDevice("tiny", { msisdn: "4912345" }) });
  assert.deepEqual(await idsOf("?filter=(eq,msisdn,4912345)"), ["tiny"]);
  const enabled = await idsOf("?filter=(eq,enabled,TRUE)");
  assert.ok(enabled.includes("weather.station.wind") && !enabled.includes("tiny"));
  assert.deepEqual(
    await json(ask("GET", "/registered_devices?filter=(eq,deviceId,tiny)&fields=msisdn,gpsi")),
    [{ msisdn: "4912345", deviceId: "tiny", enabled: false }],
  );
  assert.deepEqual(
    await json(
      ask("GET", "/registered_devices?filter=(eq,deviceId,weather.station.wind)&fields=deviceMetadata/key"),
    ).then(([device]: Any) => Object.keys(device.deviceMetadata[0])),
    ["key"],
  );
  const [ours] = await json(ask("GET", "/registered_iot_platforms?fields=iotPlatformId&fields=enabled"));
  assert.deepEqual(ours, { iotPlatformId: "lamp-0042", enabled: true });
  const services = await json(
    ask("GET", "/registered_iot_platforms/lamp-0042?fields=customServiceTransportInfo"),
  );
  assert.deepEqual(Object.keys(services), ["iotPlatformId", "customServicesTransportInfo", "enabled"]);
});

test("what was registered is there after a restart, what was deleted is not", async () => {
  await ask("POST", "/registered_devices", { body: testDevice("kept") });
  await ask("POST", "/registered_devices", { body: testDevice("taken-out") });
  await ask("DELETE", "/registered_devices/taken-out");
  const etag = (await ask("GET", "/registered_devices/kept")).headers.get("etag");
  await api.restart();
  const again = await ask("GET", "/registered_devices/kept");
  assert.equal(again.headers.get("etag"), etag);
  assert.equal((await ask("GET", "/registered_devices/taken-out")).status, 404);
  assert.equal(
    (await ask("PUT", "/registered_devices/kept", { body: testDevice("kept"), as: "other" })).status,
    403,
  );
});

test("a fixture's entries are anybody's, and go when another one comes", async () => {
  await api.mec033.seed({ devices: [testDevice("fixed")], platforms: [testPlatform("fixed")] });
  assert.equal((await json(ask("GET", "/registered_devices/fixed"))).imsi, "001010000000001");
  assert.equal((await ask("PUT", "/registered_devices/fixed", { body: testDevice("fixed") })).status, 200);
  assert.equal((await ask("DELETE", "/registered_iot_platforms/fixed", { as: "other" })).status, 204);
  await api.mec033.seed({});
  assert.equal((await ask("GET", "/registered_devices/fixed")).status, 404);
  assert.ok((await idsOf()).includes("kept"), "what others registered stays");
});

test("what an application has registered goes with it", async () => {
  await ask("POST", "/registered_devices", { body: testDevice("left"), as: "other" });
  await ask("POST", "/registered_iot_platforms", { body: testPlatform("left"), as: "other" });
  await ask("POST", "/registered_devices", { body: testDevice("annas"), as: "anna" });
  await api.mec033.setApps(["tester", "near"]);
  assert.equal((await ask("GET", "/registered_devices/left")).status, 404);
  assert.equal((await ask("GET", "/registered_iot_platforms/left")).status, 404);
  const ids = await idsOf();
  assert.ok(ids.includes("kept") && ids.includes("annas"));
});

test("one application can't register without end", async () => {
  const answers = await Promise.all(
    Array.from({ length: 33 }, (_, index) =>
      ask("POST", "/registered_iot_platforms", { body: testPlatform(`many-${index}`), as: "other" }),
    ),
  );
  const statuses = answers.map(({ status }) => status);
  assert.deepEqual(statuses.filter((status) => status === 201).length, 32);
  assert.deepEqual(statuses.filter((status) => status === 403).length, 1);

  const clientCertificate = "x".repeat(8_000);
  const put = (id: string) =>
    ask("POST", "/registered_devices", { body: testDevice(id, { clientCertificate }), as: "other" });
  for (let index = 0; index < 12; index++) assert.equal((await put(`large-${index}`)).status, 201);
  const refused = await put("large-12");
  assert.equal(refused.status, 403);
  assert.match(((await refused.json()) as Any).detail, /large-12 \d+ bytes, 98304 are allowed/);
});
