/**
 * Publishes accounts to nats-servers with a full resolver, through their system account.
 *
 * Each server that hears an account stores it on its disk and goes by it at once: links of users that it revokes are cut. A
 * server that was away gets it from the others, which may take their whole interval; so all is sent again when a server
 * turns up that was not there before, which it says itself a quarter of a second after its start. An account is held to be published when every server that
 * answered has taken it, and at least one did; what was not is sent again with the next publishing. So when `publish`
 * rejects some accounts may be new already: each is whole, and calling it again leads to the same end.
 *
 * FLEET goes last: it imports from the nodes' accounts.
 */
import { encodeGeneric } from "@nats-io/jwt";
import type { KeyPair } from "@nats-io/nkeys";
import type { NatsConnection } from "@nats-io/transport-node";
import { messageOf, UmecError } from "../errors.ts";
import type { Realm } from "../nats/claims.ts";
import type { AccountPublisher } from "./account-publisher.ts";

const updateSubject = "$SYS.REQ.CLAIMS.UPDATE";
const deleteSubject = "$SYS.REQ.CLAIMS.DELETE";
const pingSubject = "$SYS.REQ.SERVER.PING";
const aliveSubject = "$SYS.SERVER.*.STATSZ";
/** The rights of the user in the system account that it needs. */
export const publisherRights = {
  pub: { allow: [updateSubject, deleteSubject, pingSubject] },
  sub: { allow: ["_INBOX_accounts.>", aliveSubject] },
  allowed_connection_types: ["STANDARD" as const],
};

const answerMs = 10_000;
const atOnce = 256;

interface ServerAnswer {
  server?: { name?: string };
  error?: { description?: string };
}

export interface ClaimsPublisherParts {
  /** Of a user in the system account; its inboxes are `_INBOX_accounts`. */
  nc: NatsConnection;
  realm: Realm;
  /** The operator's, or a signing key of it. */
  operator: KeyPair;
}

export interface ClaimsPublisher extends AccountPublisher {
  /** Holds nothing to be published any more: the next publishing sends all. */
  forget(): void;
}

/**
 * Calls `listener` when a server turns up that does not answer now.
 *
 * @param nc as of {@link ClaimsPublisherParts}; it ends with that
 */
export async function watchForServers(nc: NatsConnection, listener: () => void): Promise<void> {
  const known = new Set<string>();
  for await (const message of await nc.requestMany(pingSubject, "", { strategy: "stall", maxWait: answerMs }))
    known.add(message.json<{ server: { id: string } }>().server.id);
  nc.subscribe(aliveSubject, {
    callback: (error, { subject }) => {
      const id = subject.split(".")[2] ?? "";
      if (error || known.has(id)) return;
      known.add(id);
      listener();
    },
  });
}

export function createClaimsPublisher({ nc, realm, operator }: ClaimsPublisherParts): ClaimsPublisher {
  const published = new Map<string, string>();
  const send = async (subject: string, jwt: string, what: string): Promise<void> => {
    let taken = 0;
    try {
      // Each server answers; 300 ms after the last one no more are expected.
      const options = { strategy: "stall" as const, maxWait: answerMs };
      for await (const message of await nc.requestMany(subject, jwt, options)) {
        const { server, error } = message.json<ServerAnswer>();
        if (error) throw new Error(`${server?.name ?? "a server"} says: ${error.description}`);
        taken++;
      }
      if (taken === 0) throw new Error("no server answers");
    } catch (cause) {
      throw new UmecError("HUB_ACCOUNTS", `${what} was not published: ${messageOf(cause)}`, {
        cause,
        hint: "do the servers run, with `resolver { type: full, allow_delete: true }`, and do they trust this operator?",
      });
    }
  };
  return {
    forget() {
      for (const key of published.keys()) published.set(key, "");
    },
    async publish(accounts) {
      const jwts = await realm.sign(accounts);
      const names = new Map(accounts.map(({ key, name }) => [key.getPublicKey(), name]));
      const fresh = [...jwts].filter(([key, jwt]) => published.get(key) !== jwt).reverse();
      const [last] = accounts;
      const sendOne = async ([key, jwt]: [string, string]) => {
        await send(updateSubject, jwt, `the account ${names.get(key)}`);
        published.set(key, jwt);
      };
      const before = fresh.filter(([key]) => key !== last?.key.getPublicKey());
      for (let from = 0; from < before.length; from += atOnce)
        await Promise.all(before.slice(from, from + atOnce).map(sendOne));
      for (const one of fresh) if (!before.includes(one)) await sendOne(one);
      const gone = [...published.keys()].filter((key) => !jwts.has(key));
      if (gone.length === 0) return;
      const request = await encodeGeneric("remove", operator, "generic", { accounts: gone } as object);
      await send(deleteSubject, request, "the removal of accounts");
      for (const key of gone) published.delete(key);
    },
  };
}
