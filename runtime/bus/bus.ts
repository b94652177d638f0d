/**
 * The node's own message bus: one nats-server on loopback, which the runtime starts, keeps up and configures.
 *
 * What it promises:
 * 1. A plugin reaches nothing but the outbox, the local API and its own commands; see `accounts.ts`.
 * 2. Whatever changes at run time - plugins, the link - is one atomic reload of the whole configuration.
 *    Connections that it does not concern stay, and so do the requests on them. A change that nats-server
 *    refuses leaves everything as it was, and the caller gets the reason. Changes are done one after another.
 *    One exception: nats-server can't change the link's waiting time while it runs. A link with another
 *    `reconnectMs` costs a new start on the same port, after which all clients come back by themselves.
 * 3. It works with no network, and after a power cut: there is no state on disk but the configuration,
 *    which each start writes anew with new keys.
 * 4. When nats-server dies it is started again on the same port; see `../nats/server-process.ts`.
 */
import type { NatsConnection } from "@nats-io/transport-node";
import { UmecError } from "../errors.ts";
import { type Credentials, connectUser, formatCredentials } from "../nats/claims.ts";
import { type NatsConfig, type NatsServer, startNatsServer } from "../nats/server-process.ts";
import { nameSyntax } from "../subjects.ts";
import { NodeAccounts, type PluginKeys } from "./accounts.ts";
import { busConfig, drawReconnectMs } from "./config.ts";
import { FloodWatch } from "./flood-watch.ts";
import { LeafWatch } from "./leaf.ts";
import { residentBytes } from "./memory.ts";
import type { Bus, BusOptions, LeafState, LinkRemote, PluginWatch, PluginWatchOptions } from "./types.ts";

export type { Bus, BusOptions, LeafState, LinkRemote } from "./types.ts";

/** Resolves when the bus takes connections. Throws what `startNatsServer` throws, and `BUS_NAME`. */
export async function startBus(options: BusOptions): Promise<Bus> {
  const draft: State = {
    plugins: new Map(),
    link: options.link,
    reconnectMs: drawReconnectMs(options.link?.reconnectMs ?? 5000),
  };
  const accounts = new NodeAccounts(requireName(options.node));
  draft.plugins = pluginKeys(options.plugins, accounts, draft.plugins);
  let floods: FloodWatch | undefined;
  let leaf: LeafWatch | undefined;
  const server = await startNatsServer({
    path: options.natsServerPath,
    dir: options.dir,
    name: "bus",
    config: await configOf(draft, options.node, accounts),
    log: options.log,
    onComplaint: (line) => leaf?.hear(line) || floods?.hear(line) || false,
    ...(options.signal ? { signal: options.signal } : {}),
    ...(options.memoryLimitBytes ? { memoryLimitBytes: options.memoryLimitBytes } : {}),
  });
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
    return new NodeBus(options.node, accounts, server, watch, leaf, floods, draft);
  } catch (error) {
    await server.stop();
    throw error;
  }
}

interface State {
  plugins: ReadonlyMap<string, PluginKeys>;
  link: LinkRemote | undefined;
  reconnectMs: number;
}

class NodeBus implements Bus {
  readonly #node: string;
  readonly #accounts: NodeAccounts;
  readonly #server: NatsServer;
  readonly #watch: NatsConnection;
  readonly #leaf: LeafWatch;
  readonly #floods: FloodWatch;
  #state: State;
  #changes: Promise<unknown> = Promise.resolve();

  constructor(
    node: string,
    accounts: NodeAccounts,
    server: NatsServer,
    watch: NatsConnection,
    leaf: LeafWatch,
    floods: FloodWatch,
    state: State,
  ) {
    this.#node = node;
    this.#accounts = accounts;
    this.#server = server;
    this.#watch = watch;
    this.#leaf = leaf;
    this.#floods = floods;
    this.#state = state;
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
    return this.#connect("link", await this.#accounts.linkUser(), `_INBOX_${this.#node}`);
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
      await this.#server.restart(await configOf(next, this.#node, this.#accounts));
      this.#state = next;
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

  async stop(): Promise<void> {
    this.#floods.stop();
    await this.#watch.close();
    await this.#server.stop();
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
    await this.#server.reload(await configOf(next, this.#node, this.#accounts));
    this.#state = next;
  }
}

async function configOf(state: State, node: string, accounts: NodeAccounts): Promise<NatsConfig> {
  const { plugins, link, reconnectMs } = state;
  const realm = await accounts.config(plugins);
  return busConfig({ node, realm, uplink: accounts.uplink.getPublicKey(), link, reconnectMs });
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
