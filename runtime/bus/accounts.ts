/**
 * The node's accounts: who is separated from whom, and what crosses.
 *
 * | account | exports | imports |
 * |---|---|---|
 * | one for each plugin | streams `telemetry.>` `event.>` `status`; service `command.>` | UPLINK's `in.<plugin>.telemetry.>` as `telemetry.>`, `in.<plugin>.event.>` as `event.>` |
 * | UPLINK | service `in.>` | COMMAND's `cmd.<node>.>` |
 * | COMMAND | service `cmd.<node>.>` | each plugin's `command.>` as `cmd.<node>.<plugin>.>` |
 * | API | | each plugin's streams and commands as `umec.<node>.<plugin>.…` |
 * | APPS, while it is open | | DOOR's `umec.<node>.*.command.>` |
 * | DOOR, with it | service `umec.<node>.*.command.>` | |
 *
 * In API the node itself tells of its alarms, `umec.<node>.alarms.event.<name>`: they are no plugin's, and go into the
 * outbox without the bus.
 *
 * - A plugin's publish has two readers: UPLINK as a *service*, as only a service carries the acknowledgement
 *   back, and API as a *stream*.
 * - A plugin names neither itself nor another: the account boundary adds its name. Its rights lie in a scoped
 *   signing key, so its credentials hold none.
 * - In UPLINK, whose link to the hub is open, plugin data is called `in.…` and never `umec.…`: the hub stores
 *   `umec.…`, and takes from the node only what the outbox sends.
 * - UPLINK's claims are the same whatever the plugins are. When an account changes, nats-server forgets the
 *   answers that its services owe, and every emit that waits for its acknowledgement would time out. So what
 *   changes with the plugins, the commands from the hub, has the account COMMAND in between; only a command
 *   that is under way just then is lost, and its sender sees a timeout.
 * - Within a plugin's account the node and the plugin's own process have different rights. A program whose points are
 *   known gets its commands as `checked.>`, from the node, which has judged what came as `command.>`; the program
 *   itself can't hear that. What a program asks of the node is `object.put`.
 * - Applications are in APPS, apart from all plugins: see `apps.ts`.
 *
 * Keys are made anew for each bus and live in memory. A bus that goes on in another process keeps its own.
 */
import type { KeyPair } from "@nats-io/nkeys";
import type { BusGrant } from "../api/types.ts";
import { enrolSubject, renewSubject } from "../enrol-wire.ts";
import {
  type AccountClaims,
  type Credentials,
  createExpiringUser,
  createScopedUser,
  createUser,
  type Permissions,
  Realm,
  type SignedClaims,
  scopedSigner,
} from "../nats/claims.ts";
import { createKey, type KeyKind, keyFromSeed } from "../nats/keys.ts";
import {
  apiAlarmSubject,
  checkedRoot,
  documentNoticeSubject,
  nodeDocumentRoot,
  nodeObjectLastRoot,
  nodeObjectRoot,
  nodeOtaRoot,
  objectPutSubject,
} from "../subjects.ts";
import { appAccountLimits, appRights, appUserName } from "./app-rights.ts";
import { pluginAccountLimits } from "./limits.ts";

/**
 * Where the answers of an account's services go: only to who asked it, under a name that nats-server draws.
 * The right to reply (`resp`) would be narrower, but each reload makes nats-server forget whom a connection
 * may still answer, and what is under way would be lost.
 */
const answers = "_R_.>";
const clientsOnly = { allowed_connection_types: ["STANDARD" as const] };

/** What the node may do in a plugin's account, for the plugin's driver or beside its process. */
function nodeRights(name: string): Permissions {
  const inbox = `_INBOX_${name}.>`;
  return {
    pub: { allow: ["telemetry.>", "event.>", "status", `${checkedRoot}.>`, inbox, answers] },
    sub: { allow: ["command.>", objectPutSubject, inbox] },
    ...clientsOnly,
  };
}

/** What a plugin's own process may do there. */
function processRights(name: string, gated: boolean): Permissions {
  const inbox = `_INBOX_${name}.>`;
  return {
    pub: { allow: ["telemetry.>", "event.>", "status", objectPutSubject, inbox, answers] },
    sub: { allow: [gated ? `${checkedRoot}.>` : "command.>", inbox] },
    ...clientsOnly,
  };
}

export function seedOf(key: KeyPair): string {
  return new TextDecoder().decode(key.getSeed());
}

export interface PluginKeys {
  account: KeyPair;
  /** Of the node's own users there. */
  signer: KeyPair;
  /** Of the users for the plugin's process. With another one all that it signed are cut off, and void. */
  program: KeyPair;
}

export interface AccountSeeds extends SignedClaims {
  /** By the account's name, with `operator`. */
  seeds: Record<string, string>;
}

export class NodeAccounts {
  readonly system: KeyPair;
  readonly uplink: KeyPair;
  readonly #command: KeyPair;
  readonly #api: KeyPair;
  readonly apps: KeyPair;
  readonly #door: KeyPair;
  readonly #operator: KeyPair;
  readonly #node: string;
  readonly #commands: { subject: string; local_subject: string };
  readonly #realm: Realm;

  /** @param known of a bus that goes on; throws where a key is missing. @default new ones */
  constructor(node: string, known?: AccountSeeds) {
    const key = (name: string, kind: KeyKind = "account") =>
      known ? keyFromSeed(known.seeds[name] ?? "") : createKey(kind);
    this.system = key("system");
    this.uplink = key("uplink");
    this.#command = key("command");
    this.#api = key("api");
    this.apps = key("apps");
    this.#door = key("door");
    this.#operator = key("operator", "operator");
    this.#node = node;
    this.#commands = { subject: `cmd.${node}.>`, local_subject: `cmd.${node}.>` };
    this.#realm = new Realm(`node-${node}`, this.#operator, this.system);
    if (known) this.#realm.adopt(known);
  }

  /** What the constructor takes in another process. */
  async seeds(): Promise<AccountSeeds> {
    const keys = {
      ...{ system: this.system, uplink: this.uplink, command: this.#command, api: this.#api },
      ...{ apps: this.apps, door: this.#door, operator: this.#operator },
    };
    const seeds = Object.fromEntries(Object.entries(keys).map(([name, key]) => [name, seedOf(key)]));
    return { seeds, ...(await this.#realm.signed()) };
  }

  newPlugin(): PluginKeys {
    const [account, signer, program] = [createKey("account"), createKey("account"), createKey("account")];
    return { account, signer, program };
  }

  /**
   * The part of the configuration that names the operator and all accounts.
   *
   * @param appSigners the keys that sign applications' users. @default there are no accounts for applications
   */
  config(plugins: ReadonlyMap<string, PluginKeys>, appSigners?: readonly KeyPair[]): Promise<string> {
    const all = [...plugins];
    return this.#realm.config([
      this.#uplinkAccount(),
      this.#commandAccount(all),
      this.#apiAccount(all),
      ...all.map(([plugin, keys]) => this.#pluginAccount(plugin, keys)),
      ...(appSigners ? [this.#appsAccount(appSigners), this.#doorAccount()] : []),
    ]);
  }

  pluginUser(plugin: string, keys: PluginKeys): Promise<Credentials> {
    return createScopedUser(keys.account, keys.signer, plugin);
  }

  /** For a process of the plugin's own. A bearer can't be had from a scoped key, so this one carries its rights. */
  pluginBearer(plugin: string, { account, program }: PluginKeys, gated: boolean): Promise<Credentials> {
    return createUser(account, plugin, { ...processRights(plugin, gated), bearer_token: true }, program);
  }

  /** Keys with which the account is the same, and the credentials of the plugin's process are void. */
  renewProgram(keys: PluginKeys): PluginKeys {
    return { ...keys, program: createKey("account") };
  }

  outboxUser(plugin: string): Promise<Credentials> {
    return createUser(this.uplink, `outbox-${plugin}`, {
      pub: { allow: [answers] },
      sub: { allow: [`in.${plugin}.>`] },
      ...clientsOnly,
    });
  }

  linkUser(): Promise<Credentials> {
    return createUser(this.uplink, "link", {
      pub: {
        allow: [
          `umec.${this.#node}.>`,
          `hub.last.umec.${this.#node}.>`,
          `${nodeObjectRoot(this.#node)}.>`,
          `${nodeObjectLastRoot(this.#node)}.>`,
          `${nodeDocumentRoot(this.#node)}.>`,
          `${nodeOtaRoot}.>`,
          enrolSubject("*"),
          renewSubject(this.#node),
        ],
      },
      sub: { allow: [`_INBOX_${this.#node}.>`, documentNoticeSubject(this.#node, "*")] },
      ...clientsOnly,
    });
  }

  apiUser(): Promise<Credentials> {
    return createUser(this.#api, "api", {
      pub: { allow: [`umec.${this.#node}.*.command.>`] },
      sub: { allow: [`umec.${this.#node}.>`, "_INBOX_api.>"] },
      ...clientsOnly,
    });
  }

  /** Tells of the node's alarms. */
  alarmsUser(): Promise<Credentials> {
    return createUser(this.#api, "alarms", {
      pub: { allow: [apiAlarmSubject(this.#node, "*")] },
      sub: { allow: ["_INBOX_alarms.>"] },
      ...clientsOnly,
    });
  }

  /** @param signer the application's own, one of those in the account */
  appUser(app: string, signer: KeyPair, grant: BusGrant, expiresAtMs: number): Promise<Credentials> {
    const rights = appRights(this.#node, app, grant);
    return createExpiringUser(this.apps, appUserName(app), rights, expiresAtMs, signer);
  }

  /** Publishes readings to applications. */
  appsUser(): Promise<Credentials> {
    return createUser(this.apps, "node", {
      pub: { allow: [`umec.${this.#node}.*.telemetry.>`] },
      sub: { allow: ["_INBOX_apps.>"] },
      ...clientsOnly,
    });
  }

  /** Takes applications' commands. */
  doorUser(): Promise<Credentials> {
    return createUser(this.#door, "node", {
      pub: { allow: [answers] },
      sub: { allow: [this.#appCommands, "_INBOX_door.>"] },
      ...clientsOnly,
    });
  }

  /** Watches the leaf link and the plugins' accounts, and asks this server about them. */
  watchUser(): Promise<Credentials> {
    return createUser(this.system, "watch", {
      pub: { allow: ["$SYS.REQ.SERVER.>", "$SYS.REQ.ACCOUNT.PING.STATZ"] },
      sub: { allow: ["$SYS.ACCOUNT.>", "_INBOX_watch.>"] },
      ...clientsOnly,
    });
  }

  get #appCommands(): string {
    return `umec.${this.#node}.*.command.>`;
  }

  #appsAccount(signers: readonly KeyPair[]): AccountClaims {
    const subject = this.#appCommands;
    return {
      name: "APPS",
      key: this.apps,
      imports: [
        {
          name: "command",
          account: this.#door.getPublicKey(),
          subject,
          local_subject: subject,
          type: "service",
          share: true,
        },
      ],
      signingKeys: signers.map((key) => key.getPublicKey()),
      limits: appAccountLimits,
    };
  }

  #doorAccount(): AccountClaims {
    return {
      name: "DOOR",
      key: this.#door,
      exports: [{ name: "command", subject: this.#appCommands, type: "service", response_type: "Singleton" }],
      limits: { connections: 2 },
    };
  }

  #pluginAccount(plugin: string, { account, signer, program }: PluginKeys): AccountClaims {
    const uplink = this.uplink.getPublicKey();
    return {
      name: plugin,
      key: account,
      exports: [
        { name: "telemetry", subject: "telemetry.>", type: "stream" },
        { name: "event", subject: "event.>", type: "stream" },
        { name: "status", subject: "status", type: "stream" },
        { name: "command", subject: "command.>", type: "service", response_type: "Singleton" },
      ],
      imports: ["telemetry", "event"].map((kind) => ({
        name: `emit-${kind}`,
        account: uplink,
        subject: `in.${plugin}.${kind}.>`,
        local_subject: `${kind}.>`,
        type: "service",
      })),
      signingKeys: [scopedSigner(signer, "plugin", nodeRights("{{name()}}")), program.getPublicKey()],
      limits: pluginAccountLimits,
    };
  }

  #uplinkAccount(): AccountClaims {
    return {
      name: "UPLINK",
      key: this.uplink,
      exports: [{ name: "emit", subject: "in.>", type: "service", response_type: "Singleton" }],
      imports: [
        { name: "command", account: this.#command.getPublicKey(), ...this.#commands, type: "service" },
      ],
      limits: { leafLinks: 1 },
    };
  }

  #commandAccount(plugins: readonly [string, PluginKeys][]): AccountClaims {
    return {
      name: "COMMAND",
      key: this.#command,
      exports: [
        { name: "command", subject: this.#commands.subject, type: "service", response_type: "Singleton" },
      ],
      imports: plugins.map(([plugin, { account }]) => ({
        name: `command-${plugin}`,
        account: account.getPublicKey(),
        subject: "command.>",
        local_subject: `cmd.${this.#node}.${plugin}.>`,
        type: "service",
      })),
      limits: { connections: 0 },
    };
  }

  #apiAccount(plugins: readonly [string, PluginKeys][]): AccountClaims {
    return {
      name: "API",
      key: this.#api,
      imports: plugins.flatMap(([plugin, { account }]) =>
        (["telemetry.>", "event.>", "status", "command.>"] as const).map((subject) => ({
          name: `${plugin}-${subject}`,
          account: account.getPublicKey(),
          subject,
          local_subject: `umec.${this.#node}.${plugin}.${subject}`,
          type: subject === "command.>" ? "service" : "stream",
        })),
      ),
    };
  }
}
