/**
 * All of the API, as a node wires it and by its own documents. In CI some thousands of requests; 10^5 by
 * `UMEC_FUZZ_REQUESTS=100000`.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "../log.ts";
import { createScratch } from "../test-scratch.ts";
import { startApi } from "./api.ts";
import { fetchFamilies } from "./http/test-document.ts";
import { fuzzFamily } from "./http/test-fuzz.ts";
import { restService, testTargets, weather } from "./mec011/test-mec011.ts";
import { testDevice, testPlatform } from "./mec033/test-mec033.ts";
import { createTestApiNode, testPlugins } from "./test-api-node.ts";
import { secret, sha256, testClock } from "./tokens/test-tokens.ts";

const scratch = createScratch();

const callbackReference = "http://127.0.0.1:9/callback";
const bodies = {
  ApplicationsSubscriptionsPOSTAppinstanceid: [
    { subscriptionType: "SerAvailabilityNotificationSubscription", callbackReference },
    { subscriptionType: "AppTerminationNotificationSubscription", appInstanceId: weather, callbackReference },
  ],
  ApplicationsServicesPOSTAppinstanceid: [restService],
  ApplicationsServicesPUTAppinstanceidServiceid: [restService],
  registereddevicesPOST: [testDevice("d1"), testDevice("d2")],
  registereddevicesByIdPUT: [testDevice("d1")],
  registerediotplatformsPOST: [testPlatform("p1")],
  registerediotplatformsByIdPUT: [testPlatform("p1")],
};

test("whatever a node's API is asked, it answers as its documents say, and takes no more memory for it", async (t) => {
  const node = createTestApiNode();
  for (const { name, points } of testPlugins)
    for (const point of points) node.emit({ plugin: name, point: point.name, value: 1 });
  const apps = testTargets.map((app) => ({
    ...app,
    secretSha256: sha256(secret),
    read: ["**"],
    write: ["**"],
  }));
  const clock = { ...testClock(), nowMs: Date.now, monotonicMs: () => performance.now() };
  const api = await startApi({
    ...{ host: "127.0.0.1", port: 0, dir: await scratch(), node, clock, requestsPerS: 1e6, log: silentLog },
    apps: () => apps,
    issuers: () => [],
  });
  t.after(() => api.stop());
  const form = { grant_type: "client_credentials", client_id: "weather", client_secret: secret };
  const answer = await fetch(`${api.localUrl}/oauth2/v1/token`, {
    method: "POST",
    body: new URLSearchParams(form),
  });
  const { access_token: token } = (await answer.json()) as { access_token: string };

  const headers = { authorization: `Bearer ${token}` };
  /** As it is, to be put there again. */
  const rule = async (path: string) => {
    const found = await fetch(`${api.localUrl}/mec_app_support/v1/applications/${weather}/${path}`, {
      headers,
    });
    assert.equal(found.status, 200);
    return found.json();
  };
  const rules = {
    ApplicationsDnsrulesPUTAppinstanceidDnsruleid: [await rule("dns_rules/d1")],
    ApplicationsTrafficrulesPUTAppinstanceidTrafficruleid: [await rule("traffic_rules/t1")],
  };

  const families = await fetchFamilies(api.localUrl);
  const roots = families.flatMap((family) => family.roots);
  for (const root of ["", "/mec_app_support/v1", "/mec_app_support/v2", "/mec_service_mgmt/v1", "/iots/v1"])
    assert.ok(roots.includes(root), `${root} of ${roots}`);
  const all = Number(process.env.UMEC_FUZZ_REQUESTS ?? 6000);
  for (const family of families) {
    const { statuses } = await fuzzFamily({
      url: api.localUrl,
      family,
      headers,
      requests: Math.ceil(all / families.length),
      params: {
        appInstanceId: [weather],
        trafficRuleId: ["t1"],
        dnsRuleId: ["d1"],
        thing: testPlugins.map(({ name }) => name),
        point: testPlugins.flatMap(({ points }) => points.map(({ name }) => name)),
      },
      bodies: { ...bodies, ...rules },
    });
    t.diagnostic(`${family.title}: ${JSON.stringify(statuses)}`);
  }
});
