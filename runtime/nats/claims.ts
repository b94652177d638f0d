/**
 * Who may do what on a nats-server: its operator, accounts and users as JWTs (NATS decentralised auth).
 *
 * - The server knows only public keys and signed claims (memory resolver, all accounts in the one
 *   configuration file); seeds stay with the runtime.
 * - An account's limits are always given in full: what is left out of a JWT counts as 0, and then nobody can
 *   connect.
 * - In an import, `subject` is the name in the exporter's account and `local_subject` the importer's.
 * - A scoped signing key carries the permissions of its users in the account's JWT, so that they change
 *   without new credentials; `{{name()}}` in them stands for the user's name.
 * - A claim that has not changed keeps its JWT, so that a reload touches only the accounts that changed.
 */
import {
  type Account,
  encodeAccount,
  encodeOperator,
  encodeUser,
  fmtCreds,
  newScopedSigner,
  type SigningKey,
  type User,
  type UserPermissionsLimits,
} from "@nats-io/jwt";
import { encode, fromPublic, type KeyPair } from "@nats-io/nkeys";
import { connect, type NatsConnection, type TlsOptions } from "@nats-io/transport-node";
import { createKey } from "./keys.ts";

/** Of an account. -1 stands for no limit. */
export interface AccountLimits {
  /** Client connections. @default -1 */
  connections?: number;
  /** Leaf links, both ways. @default 0 */
  leafLinks?: number;
  /** Of each connection. @default -1 */
  subscriptions?: number;
  /** Largest message, headers included. @default -1: what the server allows */
  payloadBytes?: number;
  /** Whether streams may be kept, in memory and on disk. @default false */
  jetStream?: boolean;
}

export interface AccountClaims {
  name: string;
  key: KeyPair;
  exports?: NonNullable<Account["exports"]>;
  imports?: NonNullable<Account["imports"]>;
  /** Scoped ones, and public keys of plain ones, whose users bring their own permissions. */
  signingKeys?: readonly (SigningKey | string)[];
  /** By a user's public key: claims of it that were signed up to this second of Unix time are void. @default none */
  revocations?: Readonly<Record<string, number>>;
  limits?: AccountLimits;
}

export interface Credentials {
  jwt: string;
  key: KeyPair;
}

export type Permissions = Partial<UserPermissionsLimits>;

/** By public key: what an account may do, as JSON, and the JWT that says it. */
type Signed = Map<string, { claims: string; jwt: string }>;

export interface SignedClaims {
  operatorJwt: string;
  /** Public key of the account, what it may do, as JSON, and the JWT. */
  signed: [string, string, string][];
}

/** An operator and the JWTs that it signed. */
export class Realm {
  readonly #name: string;
  readonly #operator: KeyPair;
  readonly #system: KeyPair;
  #signed: Signed = new Map();
  #operatorJwt: Promise<string> | undefined;

  /** `system` is the key of the account that the server reports to, named SYS. */
  constructor(name: string, operator: KeyPair, system: KeyPair) {
    this.#name = name;
    this.#operator = operator;
    this.#system = system;
  }

  /** The part of a nats-server configuration that makes it trust this operator and know `accounts`. */
  async config(accounts: readonly AccountClaims[]): Promise<string> {
    const system_account = this.#system.getPublicKey();
    const operator = await this.operatorJwt();
    const signed = await this.sign([{ name: "SYS", key: this.#system }, ...accounts]);
    const preload = [...signed].map(([key, jwt]) => `  ${key}: ${jwt}`);
    return `operator: ${operator}
system_account: ${system_account}
resolver: MEMORY
resolver_preload: {
${preload.join("\n")}
}
`;
  }

  /** What {@link adopt} takes in another process: so no claim is signed again that has not changed. */
  async signed(): Promise<SignedClaims> {
    const signed = [...this.#signed].map(([key, { claims, jwt }]): [string, string, string] => [
      key,
      claims,
      jwt,
    ]);
    return { operatorJwt: await this.operatorJwt(), signed };
  }

  adopt({ operatorJwt, signed }: SignedClaims): void {
    this.#operatorJwt = Promise.resolve(operatorJwt);
    this.#signed = new Map(signed.map(([key, claims, jwt]) => [key, { claims, jwt }]));
  }

  operatorJwt(): Promise<string> {
    // The time of signing is in it, and nats-server refuses a reload with another operator.
    this.#operatorJwt ??= encodeOperator(this.#name, this.#operator, {
      system_account: this.#system.getPublicKey(),
    });
    return this.#operatorJwt;
  }

  /** The JWT of each account by its public key, in this order; that of before where its claims are those of before. */
  async sign(accounts: readonly AccountClaims[]): Promise<Map<string, string>> {
    const signed: Signed = new Map();
    for (const account of accounts) signed.set(account.key.getPublicKey(), await this.#sign(account));
    this.#signed = signed;
    return new Map([...signed].map(([key, { jwt }]) => [key, jwt]));
  }

  async #sign(account: AccountClaims): Promise<{ claims: string; jwt: string }> {
    const { name, key, exports = [], imports = [], signingKeys = [], revocations, limits = {} } = account;
    const body: Partial<Account> = {
      exports,
      imports,
      signing_keys: [...signingKeys],
      ...(revocations && { revocations: { ...revocations } }),
      limits: inFull(limits),
    };
    const claims = JSON.stringify(body);
    const known = this.#signed.get(key.getPublicKey());
    if (known?.claims === claims) return known;
    return { claims, jwt: await encodeAccount(name, key, body, { signer: this.#operator }) };
  }
}

/** For {@link AccountClaims.signingKeys}: users that `key` signs have these permissions and no others. */
export function scopedSigner(key: KeyPair, role: string, permissions: Permissions): SigningKey {
  return newScopedSigner(key, role, permissions);
}

/** A user with permissions of its own. @param signer a plain signing key of the account. @default the account's own */
export async function createUser(
  account: KeyPair,
  name: string,
  permissions: Permissions,
  signer?: KeyPair,
): Promise<Credentials> {
  const key = createKey("user");
  const options = signer ? { signer } : {};
  return { key, jwt: await encodeUser(name, key, account, permissions as Partial<User>, options) };
}

/** A user whose permissions are those of the scoped signing key `signer` of the account. */
export async function createScopedUser(
  account: KeyPair,
  signer: KeyPair,
  name: string,
): Promise<Credentials> {
  const key = createKey("user");
  return { key, jwt: await encodeUser(name, key, account, {}, { signer, scopedUser: true }) };
}

/**
 * A user with permissions of its own, whose claims end.
 *
 * @param expiresAtMs Unix time, in effect to the second
 * @param signer a plain signing key of the account. @default the account's own
 */
export async function createExpiringUser(
  account: KeyPair,
  name: string,
  permissions: Permissions,
  expiresAtMs: number,
  signer?: KeyPair,
): Promise<Credentials> {
  const key = createKey("user");
  const options = { exp: Math.floor(expiresAtMs / 1000), ...(signer && { signer }) };
  return { key, jwt: await encodeUser(name, key, account, permissions as Partial<User>, options) };
}

/**
 * Claims like those of {@link createScopedUser} for a key that somebody else holds.
 *
 * @param publicKey `U…`
 * @param expiresAtMs Unix time, in effect to the second
 */
export function signScopedUser(
  { account, signer }: { account: KeyPair; signer: KeyPair },
  name: string,
  publicKey: string,
  expiresAtMs: number,
): Promise<string> {
  const exp = Math.floor(expiresAtMs / 1000);
  return encodeUser(name, fromPublic(publicKey), account, {}, { signer, scopedUser: true, exp });
}

/** The text of a credentials file (`.creds`): it holds the user's seed. */
export function formatCredentials(credentials: Credentials): Uint8Array {
  return fmtCreds(credentials.jwt, credentials.key);
}

/** Where a hub takes its own clients. */
export interface ServerAddress {
  url: string | readonly string[];
  /** @default the system's CAs, where the server asks for TLS */
  tls?: TlsOptions & { rejectUnauthorized?: boolean };
}

export interface ConnectUserOptions extends ServerAddress {
  credentials: Credentials;
  /** What the server calls the connection in its reports. */
  name: string;
  /** The user must be allowed to subscribe below it. */
  inboxPrefix: string;
}

/**
 * A connection that comes back for ever, four times a second: for a server of one's own. It ends itself
 * when its user is refused twice, so when its account was removed.
 */
export function connectUser(options: ConnectUserOptions): Promise<NatsConnection> {
  const { url, tls, credentials, name, inboxPrefix } = options;
  return connect({
    servers: typeof url === "string" ? url : [...url],
    ...(tls && { tls }),
    name,
    inboxPrefix,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    // Else the client takes a stack trace for every request, beforehand.
    noAsyncTraces: true,
    authenticator: (nonce) => ({
      jwt: credentials.jwt,
      nkey: credentials.key.getPublicKey(),
      sig: nonce ? encode(credentials.key.sign(Buffer.from(nonce))) : "",
    }),
  });
}

function inFull(limits: AccountLimits): NonNullable<Account["limits"]> {
  const streams = limits.jetStream ? -1 : 0;
  return {
    subs: limits.subscriptions ?? -1,
    data: -1,
    payload: limits.payloadBytes ?? -1,
    imports: -1,
    exports: -1,
    wildcards: true,
    conn: limits.connections ?? -1,
    leaf: limits.leafLinks ?? 0,
    mem_storage: streams,
    disk_storage: streams,
    streams,
    consumer: streams,
  };
}
