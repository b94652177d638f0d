/**
 * The bus for applications: who gets in, what they see of each other and of the node, and how they are put out.
 *
 * - They have an account of their own, APPS, and a listener of their own: WebSockets over TLS, while everybody else's
 *   stays on loopback. Their users may come in by WebSocket alone.
 * - **Readings come from the node**, one point in each message, and not from the plugins' accounts: a plugin's message
 *   has all points of a device, and the right to one of them is not one to all. Only points that somebody was granted
 *   are published at all. So APPS imports nothing of plugins, and does not change when they do.
 * - **Commands go to the node**, through the account DOOR, and the node judges and passes them on. It knows who asks: at
 *   that import nats-server itself adds the header `Nats-Request-Info`, over one that a client may have sent. (From
 *   where a request came is in `acc`, the name in the claims is `name_tag`, who signed them `issuer_key`.)
 * - Each application has a signing key of its own. To void all that it was given, that key is exchanged for another
 *   and the configuration reloaded: nats-server closes the connections of those users and no others, and loses no
 *   message of theirs (measured: 20,000 messages over 6 reloads). No list of what is void can grow.
 * - One that does too much (app-watch.ts) is put out, and gets nothing for a minute.
 * - What is under way between two applications during a reload may be lost, and its asker sees a time-out.
 *
 * Keys and grants are made anew with each bus and live in memory: after a restart of the node applications ask again.
 */
import type { KeyPair } from "@nats-io/nkeys";
import type { Msg, NatsConnection } from "@nats-io/transport-node";
import type { BusCredentials, BusGrant } from "../api/types.ts";
import { UmecError } from "../errors.ts";
import type { Log } from "../log.ts";
import { formatCredentials } from "../nats/claims.ts";
import { createKey } from "../nats/keys.ts";
import { nameSyntax } from "../subjects.ts";
import type { NodeAccounts } from "./accounts.ts";
import { appOfUser } from "./app-rights.ts";
import { type AppConnection, AppWatch } from "./app-watch.ts";
import { Hearing } from "./hearing.ts";
import type { AppListener, AppsBus } from "./types.ts";

/** What of the bus' configuration is applications'. */
export interface AppsState {
  listener: AppListener;
  /** By application. */
  signers: ReadonlyMap<string, KeyPair>;
}

export interface AppsOptions {
  accounts: NodeAccounts;
  /** That holds now; `undefined` while there is no listener. */
  state(): AppsState | undefined;
  /** Changes it, after all changes before; what `next` returns holds when the promise resolves. */
  change(next: (state: AppsState | undefined) => AppsState | undefined): Promise<void>;
  urls(): readonly string[];
  connect(
    name: string,
    credentials: Awaited<ReturnType<NodeAccounts["appsUser"]>>,
    inbox: string,
  ): Promise<NatsConnection>;
  /** In APPS, the node's own among them. */
  connections(): Promise<readonly AppConnection[]>;
  log: Log;
}

/** The longest that credentials hold, whatever is asked for. */
const longestMs = 24 * 3_600_000;
/** Whoever floods gets nothing for so long. */
const outMs = 60_000;
/** Their claims' times are whole seconds. */
const shortestMs = 2_000;

export class BusApps implements AppsBus {
  readonly #options: AppsOptions;
  readonly #hearing = new Hearing();
  readonly #watch: AppWatch;
  /** Who is out, until when on the monotonic clock. */
  readonly #out = new Map<string, number>();

  constructor(options: AppsOptions) {
    this.#options = options;
    this.#watch = new AppWatch({
      connections: options.connections,
      appOf: (issuer) => this.#appOf(issuer),
      onFlood: (app, reason) => this.#putOut(app, reason),
      log: options.log,
    });
  }

  /** Whether a line of nats-server's log is about applications: then it is told. */
  hear(line: string): boolean {
    return this.#watch.hear(line);
  }

  stop(): void {
    this.#watch.stop();
  }

  get urls(): readonly string[] {
    return this.#options.urls();
  }

  async listen(listener: AppListener | undefined): Promise<void> {
    await this.#options.change((state) => listener && { listener, signers: state?.signers ?? new Map() });
    if (!listener) this.#hearing.clear();
  }

  async grant(app: string, grant: BusGrant, lifetimeMs: number): Promise<BusCredentials> {
    if (!nameSyntax.test(app))
      throw new UmecError("BUS_NAME", `${JSON.stringify(app)} is no name for an application`);
    const leftMs = (this.#out.get(app) ?? 0) - performance.now();
    if (leftMs > 0)
      throw new UmecError("BUS_APP_OUT", `${app} was put out, as it did too much on the bus`, {
        hint: `ask again in ${Math.ceil(leftMs / 1000)} s`,
      });
    this.#out.delete(app);
    const nowMs = Date.now();
    const expiresAtMs = Math.floor((nowMs + clamp(lifetimeMs)) / 1000) * 1000;
    if (!this.#state.signers.has(app)) await this.#options.change((state) => state && withSigner(state, app));
    // While it is being put out its present key is the one that will be void.
    await this.#options.change((state) => state);
    const signer = this.#state.signers.get(app);
    if (!signer) throw closed();
    const credentials = await this.#options.accounts.appUser(app, signer, grant, expiresAtMs);
    this.#hearing.add(app, grant.subscribe, expiresAtMs);
    this.#watch.watch(expiresAtMs);
    return { creds: new TextDecoder().decode(formatCredentials(credentials)), expiresAtMs };
  }

  async revoke(app: string): Promise<void> {
    this.#hearing.remove(app);
    await this.#options.change((state) => (state?.signers.has(app) ? withSigner(state, app) : state));
  }

  isHeard(subject: string): boolean {
    return this.#hearing.isHeard(subject);
  }

  async connect(): Promise<NatsConnection> {
    const credentials = await this.#options.accounts.appsUser();
    return this.#options.connect("apps", credentials, "_INBOX_apps");
  }

  async connectDoor(): Promise<NatsConnection> {
    return this.#options.connect("door", await this.#options.accounts.doorUser(), "_INBOX_door");
  }

  senderOf({ headers }: Pick<Msg, "headers">): string | undefined {
    try {
      const info = JSON.parse(headers?.last("Nats-Request-Info") ?? "") as Record<string, unknown>;
      if (info.acc !== this.#options.accounts.apps.getPublicKey()) return undefined;
      const app = appOfUser(info.name_tag);
      return app !== undefined && app === this.#appOf(info.issuer_key) ? app : undefined;
    } catch {
      return undefined;
    }
  }

  async connections(): Promise<number> {
    if (!this.#options.state()) return 0;
    const all = await this.#options.connections();
    return all.filter(({ issuer_key }) => this.#appOf(issuer_key) !== undefined).length;
  }

  #appOf(issuerKey: unknown): string | undefined {
    for (const [app, signer] of this.#options.state()?.signers ?? [])
      if (signer.getPublicKey() === issuerKey) return app;
    return undefined;
  }

  #putOut(app: string, reason: string): void {
    const { log } = this.#options;
    this.#out.set(app, performance.now() + outMs);
    log.error(`${app} floods the bus and is put out: ${reason}`, { app, code: "BUS_APP_OUT" });
    this.revoke(app).catch((error: unknown) => log.error(`${app} can't be put out`, { error }));
  }

  get #state(): AppsState {
    const state = this.#options.state();
    if (!state) throw closed();
    return state;
  }
}

function clamp(lifetimeMs: number): number {
  return Math.min(longestMs, Math.max(shortestMs, lifetimeMs));
}

function withSigner(state: AppsState, app: string): AppsState {
  return { ...state, signers: new Map([...state.signers, [app, createKey("account")]]) };
}

function closed(): UmecError {
  const hint = "name api.bus in the target state";
  return new UmecError("BUS_APPS_CLOSED", "the bus is not open to applications", { hint });
}
