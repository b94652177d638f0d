/**
 * The API for applications, wired: its parts know each other's types only.
 *
 * In the directory `dir`: `state.json`, what applications said (store/), and `keys/`, what tokens are signed by (tokens/).
 *
 * At a stop, or a crash, what was answered is on disk; streams end, and applications open them anew. What enforces rules
 * goes on without this process.
 */
import { join } from "node:path";
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import { serveApi } from "./http/server.ts";
import type { ApiServerOptions } from "./http/types.ts";
import type { Fixture } from "./mec011/fixture.ts";
import { createMec011 } from "./mec011/mec011.ts";
import type { Mec033Fixture } from "./mec033/fixture.ts";
import { createMec033 } from "./mec033/mec033.ts";
import { createNotifier } from "./notify/notifier.ts";
import { openApiStore } from "./store/store.ts";
import { createThings } from "./things/things.ts";
import { createTokens } from "./tokens/tokens.ts";
import type { ApiNode, AppTarget, Broker, IssuerTarget, Principal, RuleEngine } from "./types.ts";

export interface ApiOptions {
  host: string;
  /** 0: any. */
  port: number;
  /** PEM texts. Absent: in the clear, on loopback only. */
  tls?: NonNullable<ApiServerOptions["tls"]>;
  /** The origin by which applications reach it, without a slash at the end, for a port. @default the server's own */
  url?(port: number): string;
  /** Made when it is not there. */
  dir: string;
  node: ApiNode;
  /** Of the target state, as they are now; {@link RunningApi.setApps} says that they have changed. */
  apps(): readonly AppTarget[];
  issuers(): readonly IssuerTarget[];
  requestsPerS: number;
  /** @default applications have no bus */
  broker?: Broker;
  /** @default rules are kept, and nothing enforces them */
  rules?: RuleEngine;
  clock: Clock;
  /** Of the node, where applications could reach them: no notification goes there. @default [] */
  ownPorts?: readonly number[];
  /** Roots of the IoT API beside `/iots/v1`. @default [] */
  iotRoots?: readonly string[];
  /** Whom everybody is taken for who shows nothing: for a conformance suite, on loopback. @default nobody is let in */
  everybody?: Principal;
  log: Log;
}

export interface RunningApi {
  /** As applications reach it. */
  readonly url: string;
  /** Of the server, for a client on this machine. */
  readonly localUrl: string;
  /** Of readings and pictures, by HTTP. */
  readonly streams: number;
  /**
   * After the target state's applications have changed, with those from before: who lost something is cut off. Resolves
   * when that holds.
   */
  setApps(before: readonly AppTarget[]): Promise<void>;
  setTls(tls: NonNullable<ApiServerOptions["tls"]>): void;
  /** @throws UmecError `API_FIXTURE` */
  seed(fixture: { mec011?: Fixture; mec033?: Mec033Fixture }): Promise<void>;
  /** Rules go on: who closes the API for good ends them, too. */
  stop(): Promise<void>;
}

/** Resolves when it is served. Rejects with `API_LISTEN`, `API_TLS` and what the parts say. */
export async function startApi(options: ApiOptions): Promise<RunningApi> {
  const { host, port, tls, dir, node, apps, broker, rules, clock, everybody, log } = options;
  const { ownPorts = [], iotRoots = [], requestsPerS } = options;
  const store = await openApiStore({ path: join(dir, "state.json"), log });
  const stops: (() => unknown)[] = [() => store.close()];
  const stop = async (): Promise<void> => {
    for (const end of stops.splice(0).reverse()) await end();
  };
  try {
    let local = "";
    // Asked for each time: an address may come after the start.
    // Before it is served, too: applications that left meanwhile are told of.
    const url = (): string => options.url?.(local === "" ? port : Number(new URL(local).port)) ?? local;
    const tokens = await createTokens({
      dir: join(dir, "keys"),
      issuer: url,
      apps,
      issuers: options.issuers,
      clock,
      log,
    });
    stops.push(() => tokens.stop());
    const policy = { refusedPorts: ownPorts };
    const notifier = createNotifier({ policy, log });
    stops.push(() => notifier.stop());
    const mec011 = await createMec011({
      ...{ store, apps, url, notifier, log },
      node: node.name,
      tokenEndpoint: () => `${url()}/oauth2/v1/token`,
      ...(broker && { broker }),
      ...(rules && { rules }),
      clock: { nowMs: () => clock.nowMs() },
      clockQuality: () => node.clock(),
      callbackPolicy: policy,
    });
    stops.push(() => mec011.stop());
    const mec033 = createMec033({ store, node, broker, aliases: iotRoots, log });
    stops.push(() => mec033.stop());
    await mec033.setApps(apps().map(({ name }) => name));
    const things = createThings({
      ...{ node, log },
      ...(broker && { broker }),
      nowMs: () => clock.nowMs(),
    });
    stops.push(() => things.stop());
    const server = await serveApi({
      ...{ host, port, log },
      ...(tls && { tls }),
      families: [tokens.family, ...mec011.families, mec033.family, things.family],
      authenticate: async (request) => (await tokens.authenticate(request)) ?? everybody,
      limits: { requestsPerS },
    });
    stops.push(() => server.stop());
    local = server.url;
    return {
      get url() {
        return url();
      },
      localUrl: server.url,
      get streams() {
        return things.streams;
      },
      async setApps(before) {
        const now = new Map(apps().map((app) => [app.name, app]));
        const changed = before.filter((app) => !isSame(app, now.get(app.name)));
        const names = new Set(changed.map(({ name }) => name));
        things.cut(({ kind, name }) => kind === "app" && names.has(name));
        await mec011.setApps();
        await mec033.setApps([...now.keys()]);
        // What the bus is not told of by that: another secret is another application.
        const others = changed.filter((app) => app.secretSha256 !== now.get(app.name)?.secretSha256);
        for (const { name } of others) await broker?.revoke(name);
      },
      setTls: (next) => server.setTls(next),
      async seed({ mec011: first, mec033: second }) {
        if (first) await mec011.seed(first);
        if (second) await mec033.seed(second);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** In what an open stream stands on. */
function isSame(app: AppTarget, now: AppTarget | undefined): boolean {
  if (!now) return false;
  const rights = ({ secretSha256, scopes, read, write }: AppTarget): string =>
    JSON.stringify([secretSha256, scopes, read, write]);
  return rights(app) === rights(now);
}
