/** For tests: the API on loopback over a real store, with two applications, one without rights, and a person. */
import { join } from "node:path";
import type { TestContext } from "node:test";
import { silentLog } from "../../log.ts";
import { appPrincipal, serveTestApi } from "../http/test-api.ts";
import type { ApiServerOptions } from "../http/types.ts";
import { createNotifier } from "../notify/notifier.ts";
import { openApiStore } from "../store/store.ts";
import {
  type ActiveTrafficRule,
  type AppTarget,
  type Broker,
  type BusGrant,
  type DnsRecord,
  type RuleEngine,
  scopes,
} from "../types.ts";
import type { Mec011Limits } from "./context.ts";
import { createMec011, type Mec011 } from "./mec011.ts";

export const weather = "5abe4782-2c70-4e47-9a4e-0ee3a1a0fd1f";
export const camera = "0f0e1d2c-2c70-4e47-9a4e-0ee3a1a0fd1f";

export function testTarget(given: Partial<AppTarget> = {}): AppTarget {
  return {
    ...{ name: "weather", appInstanceId: weather, scopes, read: [], write: [] },
    bus: { publish: ["app.weather.>"], subscribe: ["app.camera.>"] },
    dnsRules: [],
    trafficRules: [],
    ...given,
  };
}

/** A weather station with one DNS rule and two traffic rules, all off but the last, and a camera. */
export const testTargets: readonly AppTarget[] = [
  testTarget({
    dnsRules: [
      {
        ...{ dnsRuleId: "d1", domainName: "weather.example", ipAddressType: "IP_V4", ipAddress: "192.0.2.7" },
        ...{ ttlS: 10, active: false },
      },
    ],
    trafficRules: [
      {
        ...{ trafficRuleId: "t1", priority: 1, filterType: "FLOW", action: "DROP", destinations: [] },
        ...{ filters: [{ srcAddress: ["192.0.2.0/24"], dstPort: ["80"], protocol: ["tcp"] }], active: false },
      },
      {
        ...{ trafficRuleId: "t2", priority: 2, filterType: "PACKET", action: "FORWARD_DECAPSULATED" },
        ...{ filters: [{ dscp: 4 }], destinations: [{ dstIpAddress: "192.0.2.9" }], active: true },
      },
    ],
  }),
  testTarget({
    ...{ name: "camera", appInstanceId: camera },
    bus: { publish: ["app.camera.>"], subscribe: [] },
  }),
];

/** Notes what it is given, and refuses when told to. */
export class TestEngine implements RuleEngine {
  dns: readonly DnsRecord[] = [];
  traffic: readonly ActiveTrafficRule[] = [];
  refusal: Error | undefined;

  /** Domain names and rules' identifiers that can never hold. */
  readonly never = new Set<string>();

  dnsFault({ name }: DnsRecord): string | undefined {
    return this.never.has(name) ? `${name} can never hold` : undefined;
  }

  trafficFault({ id }: ActiveTrafficRule): string | undefined {
    return this.never.has(id) ? `${id} can never hold` : undefined;
  }

  async setDns(records: readonly DnsRecord[]): Promise<void> {
    if (this.refusal) throw this.refusal;
    this.dns = records;
  }

  async setTraffic(rules: readonly ActiveTrafficRule[]): Promise<void> {
    if (this.refusal) throw this.refusal;
    this.traffic = rules;
  }
}

/** Notes what it is asked for; the real one is tested with a real bus. */
export class TestBroker implements Broker {
  readonly urls = ["wss://127.0.0.1:9222"];
  readonly granted: { app: string; grant: BusGrant; lifetimeMs: number }[] = [];
  readonly revoked: string[] = [];
  failure: Error | undefined;

  async grant(app: string, grant: BusGrant, lifetimeMs: number) {
    if (this.failure) throw this.failure;
    this.granted.push({ app, grant, lifetimeMs });
    return { creds: "creds", expiresAtMs: Date.now() + lifetimeMs };
  }

  async revoke(app: string): Promise<void> {
    if (this.failure) throw this.failure;
    this.revoked.push(app);
  }
}

export interface Api {
  mec: Mec011;
  url: string;
  engine: TestEngine;
  broker: TestBroker;
  /** Changed by tests, with `mec.setApps()` behind it. */
  targets: { current: readonly AppTarget[] };
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  stop(): Promise<void>;
}

export interface CallOptions {
  /** Name of a principal; `null`: without a token. @default "weather" */
  as?: string | null;
  body?: unknown;
  headers?: Record<string, string>;
}

export interface Answer {
  status: number;
  headers: Headers;
  /** Of JSON. */
  body: unknown;
}

export async function startApi(
  context: TestContext,
  options: {
    /** Where the state lies; for a restart, give the same one again. */
    directory: string;
    targets?: readonly AppTarget[];
    limits?: Partial<Mec011Limits>;
    server?: Partial<ApiServerOptions>;
    clock?: { nowMs(): number };
    synchronized?: boolean;
    withoutBroker?: boolean;
    /** In place of the one that notes. */
    realBroker?: Broker;
    engine?: TestEngine;
    /** Of the store. */
    quotaBytes?: number;
  },
): Promise<Api> {
  const { directory, limits = {}, clock = { nowMs: Date.now }, synchronized = true } = options;
  const store = await openApiStore({
    path: join(directory, "api.json"),
    ...(options.quotaBytes === undefined ? {} : { quotaBytes: options.quotaBytes }),
    log: silentLog,
  });
  const notifier = createNotifier({ log: silentLog, firstRetryMs: 10, slowestRetryMs: 50 });
  const targets = { current: options.targets ?? testTargets };
  const engine = options.engine ?? new TestEngine();
  const broker = new TestBroker();
  let url = "http://127.0.0.1";
  const mec = await createMec011({
    ...{ store, notifier, clock, limits, rules: engine, log: silentLog, node: "test-node" },
    ...(options.withoutBroker ? {} : { broker: options.realBroker ?? broker }),
    apps: () => targets.current,
    url: () => url,
    tokenEndpoint: () => `${url}/oauth2/v1/token`,
    clockQuality: async () => ({ known: true, synchronized }),
  });
  if (!options.engine) await mec.setApps();
  const principals = [
    appPrincipal("weather", { appInstanceId: weather }),
    appPrincipal("camera", { appInstanceId: camera }),
    appPrincipal("nobody", { appInstanceId: camera, scopes: new Set() }),
    appPrincipal("person", { kind: "user" }),
  ];
  const server = await serveTestApi(mec.families, principals, options.server);
  url = server.url;
  let stopping: Promise<void> | undefined;
  function stop(): Promise<void> {
    stopping ??= (async () => {
      await server.stop();
      await mec.stop();
      await notifier.stop();
      await store.close();
    })();
    return stopping;
  }
  context.after(stop);
  return { mec, url, engine, broker, targets, stop, call: (...request) => call(url, ...request) };
}

async function call(url: string, method: string, path: string, options: CallOptions = {}): Promise<Answer> {
  const { as = "weather", body, headers = {} } = options;
  const response = await fetch(url + path, {
    method,
    redirect: "error",
    headers: {
      ...(as === null ? {} : { authorization: `Bearer ${as}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === "" ? undefined : JSON.parse(text),
  };
}

export const restService = {
  ...{ serName: "weather", version: "1.0", state: "ACTIVE", serializer: "JSON" },
  transportInfo: {
    ...{ id: "own", name: "REST", type: "REST_HTTP", protocol: "HTTP", version: "2.0", security: {} },
    endpoint: { uris: ["http://127.0.0.1:8080/weather"] },
  },
};
