/**
 * Each operation of ETSI GS MEC 011 V3.1.1 with each status code that its definitions list, over real HTTP: 135 pairs,
 * and 4 that only V2.1.1 lists. Bodies are judged by ETSI's schemas (fixtures/), not by ours.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, test } from "node:test";
import { createScratch } from "../../test-scratch.ts";
import { startReceiver } from "../notify/test-receiver.ts";
import { checkEtsi, type EtsiOperation, etsiOperations } from "./test-etsi.ts";
import { type Answer, type Api, restService, startApi, weather } from "./test-mec011.ts";

const scratch = createScratch();
const appInfo = { appName: "weather", endpoint: { uris: ["http://127.0.0.1:8080/"] } };

/** Where an operation is, for a body and a path that are right. */
interface Right {
  path: string;
  body?: unknown;
  /** Of a success with a body. */
  schema?: string;
  /** The operation as a person has it: an application that has ended can't be asked as itself. */
  as?: string;
}

const own = `/applications/${weather}`;

/** What each operation needs to be there, made anew. */
type Prepare = (api: Api, callback: string) => Promise<Right>;

async function madeService(api: Api, more: object = {}): Promise<string> {
  const made = await api.call("POST", `/mec_service_mgmt/v1${own}/services`, {
    body: { ...restService, ...more },
  });
  assert.equal(made.status, 201);
  return (made.body as { serInstanceId: string }).serInstanceId;
}

async function madeSubscription(api: Api, root: string, body: object): Promise<string> {
  const made = await api.call("POST", `${root}${own}/subscriptions`, { body });
  assert.equal(made.status, 201);
  return new URL(made.headers.get("location")!).pathname.slice(root.length);
}

const availability = (callbackReference: string) => ({
  ...{ subscriptionType: "SerAvailabilityNotificationSubscription", callbackReference },
});
const termination = (callbackReference: string) => ({
  ...{
    subscriptionType: "AppTerminationNotificationSubscription",
    callbackReference,
    appInstanceId: weather,
  },
});

async function madeRegistration(api: Api): Promise<string> {
  const made = await api.call("POST", "/mec_app_support/v1/registrations", { body: appInfo });
  assert.equal(made.status, 201);
  return `/registrations/${weather}`;
}

async function endBegun(api: Api, callback: string): Promise<void> {
  await madeSubscription(api, "/mec_app_support/v1", termination(callback));
  await api.mec.terminate(weather, "STOPPING", 600);
}

const dnsRule = {
  ...{ dnsRuleId: "d1", domainName: "weather.example", ipAddressType: "IP_V4", ipAddress: "192.0.2.7" },
  state: "ACTIVE",
};
const trafficRule = {
  ...{ trafficRuleId: "t1", filterType: "FLOW", priority: 1, trafficFilter: [{}], action: "DROP" },
  state: "ACTIVE",
};

const prepare: Record<string, Prepare> = {
  "mec_app_support ApplicationsSubscriptionsGETAppinstanceid": async (api, callback) => {
    await madeSubscription(api, "/mec_app_support/v1", termination(callback));
    return { path: `${own}/subscriptions`, schema: "MecAppSuptApiSubscriptionLinkList" };
  },
  "mec_app_support ApplicationsSubscriptionsPOSTAppinstanceid": async (_api, callback) => {
    const schema = "AppTerminationNotificationSubscription";
    return { path: `${own}/subscriptions`, body: termination(callback), schema };
  },
  "mec_app_support ApplicationsSubscriptionsGETAppinstanceidSubscriptionid": async (api, callback) => {
    const path = await madeSubscription(api, "/mec_app_support/v1", termination(callback));
    return { path, schema: "AppTerminationNotificationSubscription" };
  },
  "mec_app_support ApplicationsSubscriptionsDELETEAppinstanceidSubscriptionid": async (api, callback) => {
    return { path: await madeSubscription(api, "/mec_app_support/v1", termination(callback)) };
  },
  "mec_app_support TimingTimingcapsGET": async () => ({ path: "/timing/timing_caps", schema: "TimingCaps" }),
  "mec_app_support TimingCurrenttimeGET": async () => ({
    path: "/timing/current_time",
    schema: "CurrentTime",
  }),
  "mec_app_support ApplicationsTrafficrulesGETAppinstanceid": async () => {
    return { path: `${own}/traffic_rules`, schema: "TrafficRule[]" };
  },
  "mec_app_support ApplicationsTrafficrulesGETAppinstanceidTrafficruleid": async () => {
    return { path: `${own}/traffic_rules/t1`, schema: "TrafficRule" };
  },
  "mec_app_support ApplicationsTrafficrulesPUTAppinstanceidTrafficruleid": async () => {
    return { path: `${own}/traffic_rules/t1`, body: trafficRule, schema: "TrafficRule" };
  },
  "mec_app_support ApplicationsDnsrulesGETAppinstanceid": async () => {
    return { path: `${own}/dns_rules`, schema: "DnsRule[]" };
  },
  "mec_app_support ApplicationsDnsrulesGETAppinstanceidDnsruleid": async () => {
    return { path: `${own}/dns_rules/d1`, schema: "DnsRule" };
  },
  "mec_app_support ApplicationsDnsrulesPUTAppinstanceidDnsruleid": async () => {
    return { path: `${own}/dns_rules/d1`, body: dnsRule, schema: "DnsRule" };
  },
  "mec_app_support ApplicationsConfirmterminationPOSTAppinstanceid": async (api, callback) => {
    await endBegun(api, callback);
    return { path: `${own}/confirm_termination`, body: { operationAction: "STOPPING" } };
  },
  "mec_app_support ApplicationsConfirmreadyPOSTAppinstanceid": async () => {
    return { path: `${own}/confirm_ready`, body: { indication: "READY" } };
  },
  "mec_app_support RegistrationsPOST": async () => ({
    path: "/registrations",
    body: appInfo,
    schema: "AppInfo",
  }),
  "mec_app_support RegistrationsGETAppinstanceid": async (api) => {
    return { path: await madeRegistration(api), schema: "AppInfo" };
  },
  "mec_app_support RegistrationsPUTAppinstanceid": async (api) => {
    return { path: await madeRegistration(api), body: { ...appInfo, appProvider: "we" } };
  },
  "mec_app_support RegistrationsDELETEAppinstanceid": async (api) => ({ path: await madeRegistration(api) }),
  "mec_service_mgmt ServicesGET": async (api) => {
    await madeService(api);
    return { path: "/services", schema: "ServiceInfo[]" };
  },
  "mec_service_mgmt ServicesGETServiceid": async (api) => {
    return { path: `/services/${await madeService(api)}`, schema: "ServiceInfo" };
  },
  "mec_service_mgmt TransportsGET": async () => ({ path: "/transports", schema: "TransportInfo[]" }),
  "mec_service_mgmt ApplicationsServicesGETAppinstanceid": async (api) => {
    await madeService(api);
    return { path: `${own}/services`, schema: "ServiceInfo[]" };
  },
  "mec_service_mgmt ApplicationsServicesPOSTAppinstanceid": async () => {
    return { path: `${own}/services`, body: restService, schema: "ServiceInfo" };
  },
  "mec_service_mgmt ApplicationsServicesGETAppinstanceidServiceid": async (api) => {
    return { path: `${own}/services/${await madeService(api)}`, schema: "ServiceInfo" };
  },
  "mec_service_mgmt ApplicationsServicesPUTAppinstanceidServiceid": async (api) => {
    const body = { ...restService, state: "INACTIVE" };
    return { path: `${own}/services/${await madeService(api)}`, body, schema: "ServiceInfo" };
  },
  "mec_service_mgmt ApplicationsServicesDELETEAppinstanceidServiceid": async (api) => {
    return { path: `${own}/services/${await madeService(api)}` };
  },
  "mec_service_mgmt ApplicationsSubscriptionsGETAppinstanceid": async (api, callback) => {
    await madeSubscription(api, "/mec_service_mgmt/v1", availability(callback));
    return { path: `${own}/subscriptions`, schema: "MecServiceMgmtApiSubscriptionLinkList" };
  },
  "mec_service_mgmt ApplicationsSubscriptionsPOSTAppinstanceid": async (_api, callback) => {
    const schema = "SerAvailabilityNotificationSubscription";
    return { path: `${own}/subscriptions`, body: availability(callback), schema };
  },
  "mec_service_mgmt ApplicationsSubscriptionsGETAppinstanceidSubscriptionid": async (api, callback) => {
    const path = await madeSubscription(api, "/mec_service_mgmt/v1", availability(callback));
    return { path, schema: "SerAvailabilityNotificationSubscription" };
  },
  "mec_service_mgmt ApplicationsSubscriptionsDELETEAppinstanceidSubscriptionid": async (api, callback) => {
    return { path: await madeSubscription(api, "/mec_service_mgmt/v1", availability(callback)) };
  },
  "mec_service_mgmt ResourceuriallocatedbymecplatformGET": async (api) => {
    return { path: await madeLiveness(api), schema: "ServiceLivenessInfo" };
  },
  "mec_service_mgmt ResourceuriallocatedbymecplatformPATCH": async (api) => {
    return { path: await madeLiveness(api), body: { state: "ACTIVE" }, schema: "ServiceLivenessInfo" };
  },
};

/** The path that the platform gave out. */
async function madeLiveness(api: Api): Promise<string> {
  const id = await madeService(api, { livenessInterval: 600 });
  const { body } = await api.call("GET", `/mec_service_mgmt/v1/services/${id}`);
  const { href } = (body as { _links: { liveness: { href: string } } })._links.liveness;
  return new URL(href).pathname.slice("/mec_service_mgmt/v1".length);
}

type Call = (method: string, path: string, options?: object) => Promise<Answer>;
interface Given {
  operation: EtsiOperation;
  right: Right;
  root: string;
  call: Call;
  api: Api;
}

/** Makes the operation answer with each code. */
const provoke: Record<number, (given: Given) => Promise<Answer>> = {
  200: async ({ operation, right, root, call, api }) => {
    // 200 instead of 204 is what a service gets that was suspended.
    if (operation.method === "PATCH") {
      const service = root + right.path.replace("/liveness", "").replace("/services", `${own}/services`);
      await api.call("PUT", service, { body: { ...restService, livenessInterval: 600, state: "SUSPENDED" } });
    }
    return call(operation.method, root + right.path, body(right));
  },
  201: ({ operation, right, root, call }) => call(operation.method, root + right.path, body(right)),
  204: ({ operation, right, root, call }) => call(operation.method, root + right.path, body(right)),
  400: ({ operation, right, root, call }) =>
    right.body === undefined
      ? call(operation.method, `${root}${right.path}?nonsense=1`)
      : call(operation.method, root + right.path, { body: { nonsense: 1 } }),
  401: ({ operation, right, root, call }) =>
    call(operation.method, root + right.path, { ...body(right), as: null }),
  403: ({ operation, right, root, call }) => {
    // Another's where there is an owner, else somebody without the scope.
    const owned = operation.path.includes("{appInstanceId}") || operation.path.startsWith("/resource_uri");
    return call(operation.method, root + right.path, { ...body(right), as: owned ? "camera" : "nobody" });
  },
  404: ({ operation, right, root, call }) => {
    const parts = right.path.split("/");
    const last = /\{[^/]*\}$/.test(operation.path)
      ? parts.length - 1
      : parts.findIndex((part) => part.length === 36);
    // An operation without a name in its path is missing only where its whole root is.
    if (last < 0) return call(operation.method, `${root.replace(/v\d$/, "v9")}${right.path}`, body(right));
    parts[last] = randomUUID();
    return call(operation.method, root + parts.join("/"), body(right));
  },
  409: async ({ operation, right, root, call }) => {
    // What is confirmed once can't be confirmed again.
    if (operation.path.endsWith("confirm_termination"))
      await call(operation.method, root + right.path, body(right));
    return call(operation.method, root + right.path, body(right));
  },
  412: ({ operation, right, root, call }) =>
    call(operation.method, root + right.path, { ...body(right), headers: { "if-match": '"another"' } }),
  414: ({ operation, right, root, call }) =>
    call(operation.method, `${root}${right.path}?ser_name=${"a".repeat(20_000)}`),
  429: async ({ operation, right, root, call }) => {
    for (let n = 0; n < 400; n++) {
      const answer = await call(operation.method, root + right.path, { ...body(right), as: null });
      if (answer.status === 429) return answer;
    }
    throw new assert.AssertionError({ message: "400 requests were let through" });
  },
};

const body = (right: Right): object => (right.body === undefined ? {} : { body: right.body });

const covered = new Map<string, number>();

for (const root of ["/mec_app_support/v1", "/mec_app_support/v2", "/mec_service_mgmt/v1"]) {
  for (const operation of etsiOperations.filter(({ api }) => root.startsWith(`/${api}/`))) {
    test(`${operation.method} ${root}${operation.path}`, async (context) => {
      const receiver = await startReceiver(context);
      for (const code of [...operation.codes, ...(operation.v211 ?? [])]) {
        await context.test(String(code), async (context) => {
          const server = code === 429 ? { limits: { requestsPerS: 5 } } : {};
          const api = await startApi(context, { directory: await scratch(), server });
          const right = await prepare[`${operation.api} ${operation.operationId}`]!(api, receiver.url);
          // One that is being ended can't be ready.
          if (code === 409 && operation.path.endsWith("confirm_ready")) await endBegun(api, receiver.url);
          const answer = await provoke[code]!({ operation, right, root, call: api.call, api });
          assert.equal(answer.status, code, JSON.stringify(answer.body));
          check(answer, code, right, api);
          if (operation.codes.includes(code) && root !== "/mec_app_support/v2")
            covered.set(`${operation.api} ${operation.operationId} ${code}`, code);
        });
      }
    });
  }
}

function check({ headers, body }: Answer, code: number, right: Right, api: Api): void {
  if (code >= 400) {
    assert.match(headers.get("content-type") ?? "", /^application\/problem\+json/);
    checkEtsi("ProblemDetails", body);
    assert.equal((body as { status: number }).status, code);
  } else if (code === 204) assert.equal(body, undefined);
  else {
    assert.match(headers.get("content-type") ?? "", /^application\/json/);
    checkEtsi(right.schema!, body);
  }
  if (code === 201)
    assert.ok(headers.get("location")?.startsWith(`${api.url}/`), String(headers.get("location")));
}

const most = etsiOperations.reduce((sum, { codes }) => sum + codes.length, 0);

after(() => {
  const missing = etsiOperations.flatMap(({ api, operationId, codes }) =>
    codes.map((code) => `${api} ${operationId} ${code}`).filter((pair) => !covered.has(pair)),
  );
  console.log(`MEC 011 V3.1.1: ${covered.size} of ${most} pairs of operation and status code are as listed`);
  for (const pair of missing) console.log(`not: ${pair}`);
});

test("the list of operations is whole, and each is served", async (context) => {
  assert.equal(etsiOperations.length, 32);
  assert.equal(most, 135);
  const api = await startApi(context, { directory: await scratch() });
  const served = api.mec.families.flatMap(({ roots, routes }) =>
    routes.map(
      ({ operationId, method }) => `${roots[0]!.split("/")[1]} ${method.toUpperCase()} ${operationId}`,
    ),
  );
  const listed = etsiOperations.map(({ api, method, operationId }) => `${api} ${method} ${operationId}`);
  const ours = served.filter((name) => !name.startsWith("umec_apps "));
  assert.deepEqual(ours.sort(), listed.sort());
});
