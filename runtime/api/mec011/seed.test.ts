import assert from "node:assert/strict";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { createScratch } from "../../test-scratch.ts";
import { type Fixture, fixtureApps, fixtureSchema } from "./fixture.ts";
import { checkEtsi } from "./test-etsi.ts";
import { camera, restService, startApi, weather } from "./test-mec011.ts";

const scratch = createScratch();
const support = `/mec_app_support/v1/applications/${weather}`;
const management = `/mec_service_mgmt/v1/applications/${weather}`;

const fixture: Fixture = {
  apps: [
    {
      ...{ name: "weather", appInstanceId: weather, secret: "known", ready: true },
      appInfo: { appName: "weather" },
      services: [{ ...restService, serInstanceId: "service-1" } as never],
      availabilitySubscriptions: [
        {
          ...{ subscriptionId: "subscription-1", callbackReference: "http://127.0.0.1:9/" },
          subscriptionType: "SerAvailabilityNotificationSubscription",
        },
      ],
      terminationSubscriptions: [
        {
          ...{ subscriptionId: "subscription-1", callbackReference: "http://127.0.0.1:9/" },
          ...{ subscriptionType: "AppTerminationNotificationSubscription", appInstanceId: weather },
        },
      ],
      dnsRules: [
        {
          ...{ dnsRuleId: "dns-1", domainName: "a.example", ipAddressType: "IP_V4", ipAddress: "192.0.2.1" },
          state: "ACTIVE",
        },
      ],
      trafficRules: [
        {
          ...{ trafficRuleId: "traffic-1", filterType: "FLOW", priority: 1, action: "DROP", state: "ACTIVE" },
          trafficFilter: [{ srcAddress: ["192.0.2.0/24"], dSCP: 4 }],
        },
        {
          ...{
            trafficRuleId: "traffic-2",
            filterType: "FLOW",
            priority: 1,
            action: "DROP",
            state: "INACTIVE",
          },
          trafficFilter: [{ qCI: 1 }],
        },
      ],
      ending: { operationAction: "TERMINATING", maxGracefulTimeout: 3_600 },
    },
    { name: "camera", appInstanceId: camera },
  ],
};

test("a fixture's contents are served under its identifiers, twice as once", async (context) => {
  assert.ok(new Ajv2020({ strict: false }).validate(fixtureSchema, fixture));
  const api = await startApi(context, { directory: await scratch(), targets: [] });
  await api.mec.seed(fixture);
  await api.mec.seed(fixture);
  const checks: [path: string, schema: string][] = [
    [`/mec_app_support/v1/registrations/${weather}`, "AppInfo"],
    ["/mec_service_mgmt/v1/services/service-1", "ServiceInfo"],
    [`${management}/services/service-1`, "ServiceInfo"],
    [`${management}/subscriptions/subscription-1`, "SerAvailabilityNotificationSubscription"],
    [`${support}/subscriptions/subscription-1`, "AppTerminationNotificationSubscription"],
    [`${support}/dns_rules/dns-1`, "DnsRule"],
    [`${support}/traffic_rules/traffic-1`, "TrafficRule"],
    [`${support}/traffic_rules/traffic-2`, "TrafficRule"],
  ];
  for (const [path, schema] of checks) {
    const { status, body } = await api.call("GET", path);
    assert.equal(status, 200, path);
    checkEtsi(schema, body);
  }
  assert.deepEqual(api.engine.dns, [{ name: "a.example", address: "192.0.2.1", ttlS: 30 }]);
  assert.deepEqual(
    api.engine.traffic.map(({ id }) => id),
    [`${weather}/traffic-1`],
  );
  const body = { operationAction: "TERMINATING" };
  assert.equal((await api.call("POST", `${support}/confirm_termination`, { body })).status, 204);
});

test("a rule that can't be enforced is shown, and refused when it is switched on", async (context) => {
  const api = await startApi(context, { directory: await scratch(), targets: [] });
  await api.mec.seed(fixture);
  const { body } = await api.call("GET", `${support}/traffic_rules/traffic-2`);
  const on = { ...(body as object), state: "ACTIVE" };
  const answer = await api.call("PUT", `${support}/traffic_rules/traffic-2`, { body: on });
  assert.equal(answer.status, 403);
  assert.match(JSON.stringify(answer.body), /qCI/);
});

test("a fixture that can't be served says where", async (context) => {
  const api = await startApi(context, { directory: await scratch(), targets: [] });
  const [app] = fixture.apps;
  const { transportInfo: _none, ...bare } = restService;
  const services = [{ ...bare, serInstanceId: "x", transportId: "none" } as never];
  await assert.rejects(api.mec.seed({ apps: [{ ...app!, services }] }), {
    code: "API_FIXTURE",
    message: /weather: there is no transport none/,
  });
});

test("the fixture's applications can have tokens: a secret is kept as its hash", () => {
  const [first, second] = fixtureApps(fixture);
  assert.match(first!.secretSha256!, /^[\da-f]{64}$/);
  assert.equal(second!.secretSha256, undefined);
  assert.deepEqual(second!.bus, { publish: [], subscribe: [] });
});
