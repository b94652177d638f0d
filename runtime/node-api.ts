/**
 * The API for applications in the composition: it gives the API the node, as types.ts of it has it, and the bus the
 * API's certificate. Loaded only where the target state has an API.
 *
 * A change of `api` closes the API and opens it anew; one of `apps` does not. A certificate of the node's own follows its
 * addresses. Points and summaries come from drivers' manifests, so of isolated drivers and programs, too.
 */
import { X509Certificate } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { hostname, networkInterfaces } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { type RunningApi, startApi } from "./api/api.ts";
import { Problem } from "./api/http/problem.ts";
import { createRuleEngine, type EndableRuleEngine } from "./api/rules/engine.ts";
import { nodeCertificate } from "./api/tokens/certificate.ts";
import type { ApiNode, ApiPlugin, ApiPoint, ApiTarget, AppTarget, Broker } from "./api/types.ts";
import type { AppListener, AppsBus, Bus } from "./bus/types.ts";
import type { Clock } from "./clock.ts";
import type { LocalCommand } from "./control.ts";
import { isUmecError, messageOf, UmecError } from "./errors.ts";
import { kernelClock } from "./kernel-clock.ts";
import type { Log } from "./log.ts";
import { NodeApiBus } from "./node-api-bus.ts";
import { NodeReadings } from "./node-readings.ts";
import type { SampleTap } from "./node-tap.ts";
import type { PluginStatus } from "./plugin/status.ts";
import type { NodeStatus } from "./status.ts";
import type { DriverSource, PluginTarget } from "./target/types.ts";

export interface NodeApiOptions {
  node: string;
  dataPath: string;
  bus: Pick<Bus, "apps" | "url">;
  tap: SampleTap;
  clock: Clock;
  command(command: LocalCommand): Promise<unknown>;
  /** The plugins that run, with the target of each. */
  plugins(): Iterable<{ target: PluginTarget; status: PluginStatus }>;
  drivers: DriverSource;
  /** Where rules are enforced. @default "/run/umec-rules", where there is one */
  rulesDir?: string;
  log: Log;
}

type Tls = AppListener["tls"] & { clientCa?: string };

/** How often the node's own addresses are looked at, for its certificate. */
const lookMs = 60_000;

export class NodeApi {
  readonly #options: NodeApiOptions;
  readonly #readings: NodeReadings;
  readonly #listeners = new Set<() => void>();
  readonly #rules: EndableRuleEngine | undefined;
  #plugins: readonly ApiPlugin[] = [];
  /** By plugin: what its points were worked out from, and they. */
  readonly #offers = new Map<
    string,
    { target: PluginTarget; summary: string; points: readonly ApiPoint[] }
  >();
  #looking: Promise<void> = Promise.resolve();
  #target: ApiTarget | undefined;
  #apps: readonly AppTarget[] = [];
  #api: RunningApi | undefined;
  #bridge: NodeApiBus | undefined;
  #tls: Tls | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: NodeApiOptions) {
    this.#options = options;
    this.#readings = new NodeReadings(options.clock);
    options.tap.listener = (plugin, records) => this.#readings.take(plugin, records);
    const { rulesDir = "/run/umec-rules" } = options;
    if (existsSync(rulesDir)) this.#rules = createRuleEngine({ dir: rulesDir });
  }

  /** Opens the API, or opens it anew. Rejects with the reason; then it is closed. */
  async set(target: ApiTarget, apps: readonly AppTarget[]): Promise<void> {
    await this.#close();
    this.#apps = apps;
    this.#target = target;
    try {
      await this.pluginsChanged();
      await this.#open(target);
    } catch (error) {
      await this.#close();
      throw error;
    }
  }

  async setApps(apps: readonly AppTarget[]): Promise<void> {
    const before = this.#apps;
    this.#apps = apps;
    await this.#api?.setApps(before);
  }

  /** A plugin came, went, started or stopped. Resolves when the API has seen it. */
  pluginsChanged(): Promise<void> {
    this.#looking = this.#looking
      .then(() => this.#look())
      .catch((error: unknown) => this.#options.log.error("the API does not see the plugins", { error }));
    return this.#looking;
  }

  async status(): Promise<NodeStatus["api"]> {
    const api = this.#api;
    if (!api) return undefined;
    const { apps: bus } = this.#options.bus;
    const connections = this.#target?.bus ? await bus.connections().catch(() => 0) : 0;
    return {
      url: api.url,
      busUrls: [...bus.urls],
      apps: this.#apps.length,
      streams: api.streams,
      busConnections: connections,
      certificateSha256: new X509Certificate(this.#tls!.cert).fingerprint256,
    };
  }

  /** @param closed the target state has no API any more: then rules end, too, and the bus has no listener */
  async stop({ closed = false } = {}): Promise<void> {
    this.#options.tap.listener = undefined;
    await this.#close();
    if (!closed) return;
    await this.#rules?.off();
    if (this.#options.bus.apps.urls.length > 0) await this.#options.bus.apps.listen(undefined);
  }

  async #open(target: ApiTarget): Promise<void> {
    const { node, dataPath, bus, clock, log } = this.#options;
    const tls = await readTls(target, { node, dataPath, nowMs: clock.nowMs(), log });
    this.#tls = tls;
    const listener = target.bus && { ...target.bus, tls: { cert: tls.cert, key: tls.key } };
    if (listener || bus.apps.urls.length > 0) await bus.apps.listen(listener);
    const api = await startApi({
      ...{ host: target.host, port: target.port, requestsPerS: target.requestsPerS, tls, clock, log },
      url: (port) => urlOf(target, port),
      dir: join(dataPath, "api"),
      node: this.#view(),
      apps: () => this.#apps,
      issuers: () => target.issuers,
      ...(target.bus && { broker: brokerOf(bus.apps) }),
      ...(this.#rules && { rules: this.#rules }),
      ownPorts: [bus.url, ...bus.apps.urls].map((url) => Number(new URL(url).port)),
    });
    this.#api = api;
    if (target.bus) this.#bridge = await this.#openBridge(bus.apps, target);
    this.#timer = setInterval(() => void this.#renew(target), lookMs).unref();
    log.info(`the API for applications is at ${api.url}`, { url: api.url, bus: bus.apps.urls });
  }

  #openBridge(bus: AppsBus, { requestsPerS }: ApiTarget): Promise<NodeApiBus> {
    const { clock, log } = this.#options;
    return NodeApiBus.open({
      node: this.#view(),
      bus,
      watchAll: (listener) => this.#readings.watchAll(listener),
      apps: () => this.#apps,
      requestsPerS: () => requestsPerS,
      ...{ clock, log },
    });
  }

  async #close(): Promise<void> {
    clearInterval(this.#timer);
    const [api, bridge] = [this.#api, this.#bridge];
    this.#api = undefined;
    this.#bridge = undefined;
    await bridge?.stop();
    await api?.stop();
  }

  #view(): ApiNode {
    const { node, clock, command } = this.#options;
    const readings = this.#readings;
    return {
      name: node,
      plugins: () => this.#plugins,
      onPlugins: (listener) => {
        this.#listeners.add(listener);
        return () => void this.#listeners.delete(listener);
      },
      latest: (plugin, point) => readings.latest(plugin, point),
      seen: (plugin) => readings.seen(plugin),
      watch: (plugin, point, listener) => readings.watch(plugin, point, listener),
      command,
      clock: async () => ({ known: clock.known(), ...(await kernelClock()) }),
    };
  }

  async #look(): Promise<void> {
    const now: ApiPlugin[] = [];
    for (const { target, status } of this.#options.plugins()) {
      const { summary, points } = await this.#offerOf(target);
      const running = status.state === "running";
      now.push({ name: target.name, driver: target.driver, summary, running, points });
    }
    for (const { name } of this.#plugins) {
      if (now.some((plugin) => plugin.name === name)) continue;
      this.#readings.forget(name);
      this.#offers.delete(name);
    }
    if (isDeepStrictEqual(now, this.#plugins)) return;
    this.#plugins = now;
    for (const listener of [...this.#listeners]) listener();
  }

  async #offerOf(target: PluginTarget): Promise<{ summary: string; points: readonly ApiPoint[] }> {
    const known = this.#offers.get(target.name);
    if (known && isDeepStrictEqual(known.target, target)) return known;
    const offer = { target, ...(await this.#offered(target)) };
    this.#offers.set(target.name, offer);
    return offer;
  }

  async #offered({ name, driver, options, process: own }: PluginTarget) {
    const of = (points: readonly Omit<ApiPoint, "access">[]): ApiPoint[] =>
      points.map((point) => ({ access: "read", ...point }));
    if (own?.exec) return { summary: "A program of its own.", points: of(own.points ?? []) };
    try {
      const { manifest } = await this.#options.drivers.load(driver);
      return { summary: manifest.summary, points: of(manifest.points(options)) };
    } catch (error) {
      this.#options.log.warn(`the points of ${name} are not known: ${messageOf(error)}`, { plugin: name });
      return { summary: driver, points: [] };
    }
  }

  /** The certificate of the node's own names its addresses, and some come after the start. */
  async #renew(target: ApiTarget): Promise<void> {
    const { node, dataPath, bus, clock, log } = this.#options;
    try {
      const tls = await readTls(target, { node, dataPath, nowMs: clock.nowMs(), log });
      if (this.#target !== target || !this.#api || isDeepStrictEqual(tls, this.#tls)) return;
      this.#tls = tls;
      this.#api.setTls(tls);
      if (target.bus) await bus.apps.listen({ ...target.bus, tls: { cert: tls.cert, key: tls.key } });
    } catch (error) {
      log.warn(`the API's certificate can't be renewed: ${messageOf(error)}`);
    }
  }
}

interface TlsPlace {
  node: string;
  dataPath: string;
  nowMs: number;
  log: Log;
}

/** What the target state names, else the node's own. Rejects with `API_TLS`. */
export async function readTls(target: ApiTarget, place: TlsPlace): Promise<Tls> {
  const { tls, clientCaPath } = target;
  const read = (path: string): Promise<string> =>
    readFile(path, "utf8").catch((cause: unknown) => {
      const text = `the API has no certificate: ${messageOf(cause)}`;
      throw new UmecError("API_TLS", text, { cause, hint: "put the file there, or take the key out" });
    });
  const own = tls
    ? { cert: await read(tls.certificatePath), key: await read(tls.keyPath) }
    : await nodeCertificate({
        dir: join(place.dataPath, "api"),
        name: place.node,
        hosts: hostsOf(target, place.node),
        ...{ nowMs: place.nowMs, log: place.log },
      });
  return { ...own, ...(clientCaPath !== undefined && { clientCa: await read(clientCaPath) }) };
}

/** For a node that starts: the bus has the listener for applications at once, where it can. */
export async function firstListener(
  target: ApiTarget | undefined,
  place: TlsPlace,
): Promise<AppListener | undefined> {
  if (!target?.bus) return undefined;
  try {
    const { cert, key } = await readTls(target, place);
    return { ...target.bus, tls: { cert, key } };
  } catch {
    // Whoever opens the API says it.
    return undefined;
  }
}

/** As the API has it: who was put out is told when to come again. */
function brokerOf(bus: AppsBus): Broker {
  return {
    get urls() {
      return bus.urls;
    },
    revoke: (app) => bus.revoke(app),
    grant: (app, grant, lifetimeMs) =>
      bus.grant(app, grant, lifetimeMs).catch((cause: unknown) => {
        if (!isUmecError(cause)) throw cause;
        const { code, message, hint } = cause;
        const options = { ...(hint !== undefined && { hint }), cause };
        if (code === "BUS_APP_OUT")
          throw new Problem(429, code, message, { ...options, headers: { "retry-after": "60" } });
        throw code === "BUS_GRANT" ? new Problem(400, code, message, options) : cause;
      }),
  };
}

function hostsOf({ host, url }: ApiTarget, node: string): string[] {
  const all = ["localhost", "127.0.0.1", "::1", hostname(), node, ...(isAny(host) ? addresses() : [host])];
  const named = url === undefined ? [] : [new URL(url).hostname.replace(/^\[|\]$/g, "")];
  return [...new Set([...all, ...named])].filter((name) => /^[A-Za-z0-9.:-]{1,253}$/.test(name));
}

function urlOf({ host, url }: ApiTarget, port: number): string {
  if (url !== undefined) return url;
  const name = isAny(host) ? (addresses()[0] ?? "127.0.0.1") : host;
  return `https://${name.includes(":") ? `[${name}]` : name}:${port}`;
}

function isAny(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

/** Of this machine, as others can dial it; IPv4 first. */
function addresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((found) => found ?? []);
  const others = all.filter(({ internal, address }) => !internal && !address.startsWith("fe80:"));
  return [
    ...others.filter(({ family }) => family === "IPv4"),
    ...others.filter(({ family }) => family !== "IPv4"),
  ].map(({ address }) => address);
}
