/**
 * The node's own message bus: one nats-server on loopback, which the runtime starts, keeps up and configures.
 *
 * What it promises:
 * 1. A plugin reaches nothing but the outbox, the local API and its own commands; see `accounts.ts`.
 * 2. Whatever changes at run time - plugins, the link - is one atomic reload of the whole configuration.
 *    Connections that it does not concern stay, and so do the requests on them. A change that nats-server
 *    refuses leaves everything as it was, and the caller gets the reason. Changes are done one after another.
 *    Two exceptions: nats-server can't change the link's waiting time while it runs, nor where it listens for
 *    applications. Those cost a new start on the same port, after which all clients come back by themselves.
 * 3. It works with no network, and after a power cut: there is no state on disk but the configuration,
 *    which each start writes anew with new keys. Only where the runtime's scripts are replaced by others under way it
 *    goes on with the keys that it has (`leave`, and ../handover/).
 * 4. When nats-server dies it is started again on the same port; see `../nats/server-process.ts`.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { NatsConnection } from "@nats-io/transport-node";
import { messageOf, UmecError } from "../errors.ts";
import type { BusRecord } from "../handover/record.ts";
import type { Inheritance } from "../handover/take.ts";
import type { Log } from "../log.ts";
import { type Credentials, connectUser, formatCredentials } from "../nats/claims.ts";
import { killOrphan } from "../nats/orphan.ts";
import {
  adoptNatsServer,
  type NatsConfig,
  type NatsServer,
  type NatsServerOptions,
  startNatsServer,
} from "../nats/server-process.ts";
import { nameSyntax } from "../subjects.ts";
import { NodeAccounts, type PluginKeys } from "./accounts.ts";
import { listenerUrls, requireFree, requireTls, websocketConfig, writeTls } from "./app-listener.ts";
import type { AppConnection } from "./app-watch.ts";
import { type AppsState, BusApps } from "./apps.ts";
import { busConfig, drawReconnectMs } from "./config.ts";
import { FloodWatch } from "./flood-watch.ts";
import { busRecordOf, inheritedPlugins } from "./inherit.ts";
import { LeafWatch } from "./leaf.ts";
import { residentBytes } from "./memory.ts";
import type { Bus, BusOptions, LeafState, LinkRemote, PluginWatch, PluginWatchOptions } from "./types.ts";

export type { Bus, BusOptions, LeafState, LinkRemote } from "./types.ts";

/** Resolves when the bus takes connections. Throws what `startNatsServer` throws, and `BUS_NAME`. */
export async function startBus(options: BusOptions): Promise<Bus> {
  const { inheritance } = options;
  if (!inheritance) return open(options);
  try {
    return await open(options, inheritance);
  } catch (error) {
    await inheritance.refuse(`the bus can't be taken over: ${messageOf(error)}`);
    return open(options);
  }
}

async function open(options: BusOptions, inheritance?: Inheritance): Promise<Bus> {
  const inherited = inheritance?.bus;
  const accounts = new NodeAccounts(requireName(options.node), inherited);
  const draft: State = {
    plugins: inherited ? inheritedPlugins(inherited) : pluginKeys(options.plugins, accounts, new Map()),
    link: options.link,
    reconnectMs: inherited?.reconnectMs ?? drawReconnectMs(options.link?.reconnectMs ?? 5000),
    apps: await firstApps(options, inherited !== undefined),
  };
  let floods: FloodWatch | undefined;
  let leaf: LeafWatch | undefined;
  let bus: NodeBus | undefined;
  const serverOptions: NatsServerOptions = {
    path: options.natsServerPath,
    dir: options.dir,
    name: "bus",
    config: await configOf(draft, options, accounts),
    log: options.log,
    onComplaint: (line) => leaf?.hear(line) || floods?.hear(line) || bus?.apps.hear(line) || false,
    ...(options.signal ? { signal: options.signal } : {}),
    ...(options.memoryLimitBytes ? { memoryLimitBytes: options.memoryLimitBytes } : {}),
  };
  const server = inheritance
    ? await adoptNatsServer(serverOptions, inheritance.adoptServer())
    : await startNatsServer(serverOptions);
  try {
    const credentials = await accounts.watchUser();
    const url = server.url;
    const watch = await connectUser({ url, credentials, name: "watch", inboxPrefix: "_INBOX_watch" });
    leaf = new LeafWatch({
      connection: watch,
      account: accounts.uplink.getPublicKey(),
      log: options.log,
    });
    floods = new FloodWatch({ connection: watch, log: options.log });
    await watch.flush();
    options.signal?.addEventListener("abort", () => void watch.close(), { once: true });
    bus = new NodeBus(options, accounts, server, watch, leaf, floods, draft, options.log);
    return bus;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

interface State {
  plugins: ReadonlyMap<string, PluginKeys>;
  link: LinkRemote | undefined;
  reconnectMs: number;
  apps: AppsState | undefined;
}

type Place = Pick<BusOptions, "node" | "dir">;

class NodeBus implements Bus {
  readonly apps: BusApps;
  readonly #place: Place;
  readonly #accounts: NodeAccounts;
  readonly #server: NatsServer;
  readonly #watch: NatsConnection;
  readonly #leaf: LeafWatch;
  readonly #floods: FloodWatch;
  #state: State;
  #changes: Promise<unknown> = Promise.resolve();

  constructor(
    place: Place,
    accounts: NodeAccounts,
    server: NatsServer,
    watch: NatsConnection,
    leaf: LeafWatch,
    floods: FloodWatch,
    state: State,
    log: Log,
  ) {
    this.#place = place;
    this.#accounts = accounts;
    this.#server = server;
    this.#watch = watch;
    this.#leaf = leaf;
    this.#floods = floods;
    this.#state = state;
    this.apps = new BusApps({
      accounts,
      state: () => this.#state.apps,
      change: (next) => this.#change((now) => this.#setApps(now, next(now.apps))),
      urls: () => (this.#state.apps ? listenerUrls(this.#state.apps.listener, server.ports) : []),
      connect: (name, credentials, inbox) => this.#connect(name, credentials, inbox),
      connections: () => this.#appConnections(),
      log,
    });
  }

  get url(): string {
    return this.#server.url;
  }

  async connectPlugin(plugin: string): Promise<NatsConnection> {
    const credentials = await this.#accounts.pluginUser(plugin, this.#keysOf(plugin));
    return this.#connect(plugin, credentials, `_INBOX_${plugin}`);
  }

  async pluginCredentials(plugin: string, { gated = false } = {}): Promise<Uint8Array> {
    // While the plugin is being cut off its present key is the one that will be void.
    await this.#changes;
    return formatCredentials(await this.#accounts.pluginBearer(plugin, this.#keysOf(plugin), gated));
  }

  async connectOutbox(plugin: string): Promise<NatsConnection> {
    this.#keysOf(plugin);
    const credentials = await this.#accounts.outboxUser(plugin);
    return this.#connect(`outbox-${plugin}`, credentials, `_INBOX_outbox-${plugin}`);
  }

  async connectLink(): Promise<NatsConnection> {
    return this.#connect("link", await this.#accounts.linkUser(), `_INBOX_${this.#place.node}`);
  }

  async connectApi(): Promise<NatsConnection> {
    return this.#connect("api", await this.#accounts.apiUser(), "_INBOX_api");
  }

  async connectAlarms(): Promise<NatsConnection> {
    return this.#connect("alarms", await this.#accounts.alarmsUser(), "_INBOX_alarms");
  }

  watchPlugin(plugin: string, options: PluginWatchOptions): PluginWatch {
    return this.#floods.watch(plugin, this.#keysOf(plugin).account.getPublicKey(), options);
  }

  cutOff(plugin: string): Promise<void> {
    return this.#change(async (state) => {
      const plugins = new Map(state.plugins);
      plugins.set(plugin, this.#accounts.renewProgram(this.#keysOf(plugin)));
      await this.#reload({ ...state, plugins });
    });
  }

  setPlugins(plugins: readonly string[]): Promise<void> {
    return this.#change(async (state) => {
      await this.#reload({ ...state, plugins: pluginKeys(plugins, this.#accounts, state.plugins) });
    });
  }

  setLink(link: LinkRemote | undefined): Promise<void> {
    return this.#change(async (state) => {
      await this.#reload({ ...state, link });
      if (!link || Math.abs(state.reconnectMs - link.reconnectMs) <= link.reconnectMs / 2) return;
      const next = { ...state, link, reconnectMs: drawReconnectMs(link.reconnectMs) };
      await this.#restart(next);
    });
  }

  bounceLink(): Promise<void> {
    return this.#change(async (state) => {
      if (!state.link) return;
      await this.#reload({ ...state, link: undefined });
      await this.#reload(state);
    });
  }

  leafState(): Promise<LeafState> {
    return this.#leaf.state();
  }

  onLeafChange(listener: (connected: boolean) => void): () => void {
    return this.#leaf.onChange(listener);
  }

  onLeafTrouble(listener: (reason: string) => void): () => void {
    return this.#leaf.onTrouble(listener);
  }

  async usage(): Promise<{ memoryBytes: number }> {
    return { memoryBytes: await residentBytes(this.#server.pid) };
  }

  async leave(): Promise<BusRecord> {
    await this.#changes;
    const { plugins, reconnectMs } = this.#state;
    const record = await busRecordOf(this.#accounts, plugins, reconnectMs);
    const server = this.#server.leave();
    await this.#hangUp();
    return { ...record, server };
  }

  async stop(): Promise<void> {
    await this.#hangUp();
    await this.#server.stop();
  }

  async #hangUp(): Promise<void> {
    this.#floods.stop();
    this.apps.stop();
    await this.#watch.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #connect(name: string, credentials: Credentials, inboxPrefix: string): Promise<NatsConnection> {
    return connectUser({ url: this.url, credentials, name, inboxPrefix });
  }

  #keysOf(plugin: string): PluginKeys {
    const keys = this.#state.plugins.get(plugin);
    if (keys) return keys;
    const hint = "name it in setPlugins first";
    throw new UmecError("BUS_PLUGIN_UNKNOWN", `the bus knows no plugin ${JSON.stringify(plugin)}`, { hint });
  }

  #change(change: (state: State) => Promise<void>): Promise<void> {
    const done = this.#changes.then(() => change(this.#state));
    this.#changes = done.catch(() => undefined);
    return done;
  }

  async #reload(next: State): Promise<void> {
    await this.#server.reload(await configOf(next, this.#place, this.#accounts));
    this.#state = next;
  }

  async #restart(next: State): Promise<void> {
    await this.#server.restart(await configOf(next, this.#place, this.#accounts));
    this.#state = next;
  }

  async #setApps(state: State, apps: AppsState | undefined): Promise<void> {
    if (apps === state.apps) return;
    const [old, listener] = [state.apps?.listener, apps?.listener];
    if (listener && listener !== old) {
      requireTls(listener);
      if (listener.port !== 0 && listener.port !== old?.port) await requireFree(listener);
      await writeTls(this.#place.dir, listener);
    }
    const stays = old?.host === listener?.host && old?.port === listener?.port;
    await (stays ? this.#reload({ ...state, apps }) : this.#restart({ ...state, apps }));
  }

  async #appConnections(): Promise<readonly AppConnection[]> {
    const body = JSON.stringify({ acc: this.#accounts.apps.getPublicKey(), auth: true, limit: 1024 });
    const answer = await this.#watch.request("$SYS.REQ.SERVER.PING.CONNZ", body, { timeout: 1000 });
    return answer.json<{ data?: { connections?: AppConnection[] } }>().data?.connections ?? [];
  }
}

/**
 * A node that starts with the listener it had need not start nats-server twice. One that was taken over listens already; its
 * applications are put out, and ask for credentials again.
 */
async function firstApps(options: BusOptions, listens: boolean): Promise<AppsState | undefined> {
  const { apps: listener, dir, log } = options;
  if (!listener) return undefined;
  try {
    requireTls(listener);
    if (!listens) {
      // What a killed runtime left behind has the port.
      await killOrphan(join(dir, "nats-server.pid"), join(dir, "nats-server.conf"));
      if (listener.port !== 0) await requireFree(listener);
    }
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await writeTls(dir, listener);
    return { listener, signers: new Map() };
  } catch (error) {
    log.warn(messageOf(error));
    return undefined;
  }
}

async function configOf(state: State, { node, dir }: Place, accounts: NodeAccounts): Promise<NatsConfig> {
  const { plugins, link, reconnectMs, apps } = state;
  const realm = await accounts.config(plugins, apps && [...apps.signers.values()]);
  const websocket = apps && websocketConfig(dir, apps.listener);
  return busConfig({ node, realm, uplink: accounts.uplink.getPublicKey(), link, reconnectMs, websocket });
}

/** Who stays keeps its keys. */
function pluginKeys(
  plugins: readonly string[],
  accounts: NodeAccounts,
  known: ReadonlyMap<string, PluginKeys>,
): Map<string, PluginKeys> {
  return new Map(plugins.map((name) => [requireName(name), known.get(name) ?? accounts.newPlugin()]));
}

function requireName(name: string): string {
  if (nameSyntax.test(name)) return name;
  const hint = "use a-z, 0-9 and -, at most 63 characters";
  throw new UmecError("BUS_NAME", `${JSON.stringify(name)} is no name for a node or a plugin`, { hint });
}
