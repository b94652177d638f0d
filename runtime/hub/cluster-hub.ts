/**
 * The hub's service for nats-servers of the user's own: answers those who have a token, renews claims, publishes accounts, and
 * keeps the registry in `dir`, as the embedded hub does for itself (`server.ts`).
 *
 * Samples do not go through it. While it does not run nodes link and store as before, nobody enrols, and claims are not
 * renewed; they hold for weeks after the renewal is due. At its start it publishes every account, so whatever a crash left
 * open, or a server's restored disk forgot, is made up for before the first answer.
 */
import type { NatsConnection } from "@nats-io/nats-core";
import { messageOf, UmecError } from "../errors.ts";
import type { Log } from "../log.ts";
import { type Credentials, connectUser, createUser, Realm, type ServerAddress } from "../nats/claims.ts";
import { keyFromSeed } from "../nats/keys.ts";
import { createClaimsPublisher, publisherRights, watchForServers } from "./claims-publisher.ts";
import { coalesce } from "./coalesce.ts";
import { type EnrolDesk, openDesk } from "./desk.ts";
import { type Enrolment, startEnrolment } from "./enrol-start.ts";
import { hubAccounts } from "./server.ts";

export interface ClusterHubOptions {
  /** As of the embedded hub, without what nats-server keeps there. Nobody else uses it meanwhile. */
  dir: string;
  /** The servers, for clients. */
  address: ServerAddress;
  /** Text of a credentials file in the system account. @default a user of the account in `dir`'s keys */
  systemCredentials?: string;
  /** Copies of streams and buckets. */
  replicas: number;
  /** The CAs that nodes are told to trust, PEM. @default they are told none */
  caFile?: string;
  /** How long a node's claims hold, in milliseconds. @default 90 days */
  validMs?: number;
  /** Prepares the fleet's account before the first node does anything. */
  provision(fleet: NatsConnection): Promise<void>;
  log: Log;
}

export interface ClusterHub extends AsyncDisposable {
  readonly desk: EnrolDesk;
  readonly refusals: Readonly<Record<string, number>>;
  /** A connection in the fleet's account; it may do all there. */
  connectFleet(): Promise<NatsConnection>;
  /** Resolves when the servers no longer let the service in; it is of no use then. */
  readonly lost: Promise<void>;
}

/** @throws UmecError `HUB_UNREACHABLE`, `HUB_ACCOUNTS`, and as `openDesk` and `provision` do */
export async function startClusterHub(options: ClusterHubOptions): Promise<ClusterHub> {
  const { dir, log, address, replicas, caFile, validMs, provision } = options;
  await using parts = new AsyncDisposableStack();
  const desk = await openDesk({
    dir,
    log,
    apply: (node) => enrolment.apply(node),
    ...(validMs !== undefined && { validMs }),
    ...(caFile !== undefined && { caFile }),
  });
  const { keys } = desk;
  const connectAs = async (name: string, inboxPrefix: string, credentials: Credentials) => {
    const nc = await connectUser({ ...address, name, inboxPrefix, credentials }).catch((cause: unknown) => {
      throw new UmecError("HUB_UNREACHABLE", `no connection to ${address.url}: ${messageOf(cause)}`, {
        cause,
        hint: "do the servers run, and are they those that were laid out with these keys?",
      });
    });
    return nc;
  };
  const given = options.systemCredentials;
  const system =
    given === undefined ? await createUser(keys.system, "umec", publisherRights) : parseCredentials(given);
  const nc = await connectAs("accounts", "_INBOX_accounts", system);
  parts.defer(() => nc.close());
  const realm = new Realm("hub", keys.operator, keys.system);
  const publisher = createClaimsPublisher({ nc, realm, operator: keys.operator });
  const publish = coalesce(() => publisher.publish(hubAccounts(desk, [])));
  await watchForServers(nc, () => {
    publisher.forget();
    publish().catch((error: unknown) => log.warn(messageOf(error), { error }));
  });
  await publish();
  const connectFleet = async () =>
    connectAs(
      "fleet",
      "_INBOX_fleet",
      await createUser(keys.fleet, "fleet", { allowed_connection_types: ["STANDARD"] }),
    );
  const fleet = await connectFleet();
  try {
    await provision(fleet);
  } finally {
    await fleet.close();
  }
  const enrolment: Enrolment = parts.use(
    await startEnrolment({ desk, publish, connectFleet, address, replicas }),
  );
  const running = parts.move();
  return {
    desk,
    connectFleet,
    get refusals() {
      return enrolment.refusals;
    },
    lost: nc.closed().then(() => undefined),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

function parseCredentials(text: string): Credentials {
  const [, jwt] = /BEGIN NATS USER JWT-+\s+(\S+)/.exec(text) ?? [];
  const [seed] = /\bSU[A-Z2-7]{56}\b/.exec(text) ?? [];
  if (jwt === undefined || seed === undefined)
    throw new UmecError("HUB_CREDENTIALS", "the system account's credentials can't be read", {
      hint: "give a file as `nsc generate creds` writes it",
    });
  return { jwt, key: keyFromSeed(seed) };
}
