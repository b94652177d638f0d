/**
 * The hub's accounts; see `server.ts` for the reasons.
 *
 * | account | exports | imports |
 * |---|---|---|
 * | FLEET, with the streams | services `umec.>`, `$JS.API.DIRECT.GET.TELEMETRY.>` those of the documents and of updates, and each node's bucket | each node's `cmd.<node>.>` |
 * | one for each node | service `cmd.<node>.>` | FLEET's `umec.<node>.>`; its direct gets as `hub.last.umec.<node>.>`; its documents as `hub.doc.<node>.>`; updates, the same for all, as `hub.ota.>`; its bucket as `hub.obj.<node>.>` and `hub.objlast.<node>.>`; ENROL's `renew.<node>` as `hub.renew.<node>` |
 * | ENROL, with those who have only a token | service `renew.*` | |
 *
 * Within its own bucket a node may do what the format of NATS' object stores asks for, and that includes the header
 * `Nats-Rollup`: who has a node's credentials can empty that node's bucket, and no other.
 *
 * ENROL is apart from all data. A token's user may link there as a leaf, ask `enrol.<token id>` and hear `_INBOX_<node>.>`;
 * nothing in ENROL is imported by anyone but `renew.<node>`, by that node. ENROL's claims never change, so no reload takes
 * an answer from a node that is just enrolling.
 */
import type { KeyPair } from "@nats-io/nkeys";
import { enrolSubject, renewSubject } from "../enrol-wire.ts";
import { type AccountClaims, type Permissions, scopedSigner } from "../nats/claims.ts";
import { commonExports, exportsFor, nodeGrants } from "./node-grants.ts";
import type { NodeKeys } from "./server-keys.ts";

const service = { type: "service", response_type: "Singleton" } as const;

export function fleetAccount(key: KeyPair, nodes: readonly [string, NodeKeys][]): AccountClaims {
  return {
    name: "FLEET",
    key,
    exports: [...commonExports, ...nodes.flatMap(([node]) => exportsFor(node))].map((one) => ({
      ...one,
      ...service,
    })),
    imports: nodes.map(([node, { account }]) => ({
      name: `command-${node}`,
      account: account.getPublicKey(),
      subject: `cmd.${node}.>`,
      local_subject: `cmd.${node}.>`,
      type: "service",
    })),
    limits: { jetStream: true },
  };
}

export interface NodeAccountOptions {
  fleet: KeyPair;
  enrol: KeyPair;
  /** See {@link AccountClaims.revocations}. */
  revocations?: Readonly<Record<string, number>>;
}

export function nodeAccount(node: string, keys: NodeKeys, options: NodeAccountOptions): AccountClaims {
  const account = options.fleet.getPublicKey();
  const grants = nodeGrants(node);
  return {
    name: `NODE-${node}`,
    key: keys.account,
    exports: [{ name: "command", subject: `cmd.${node}.>`, type: "service", response_type: "Singleton" }],
    imports: [
      ...grants.map(({ name, subject, as }) => ({
        ...{ name, account, subject, local_subject: as },
        type: "service" as const,
      })),
      {
        name: "renew",
        account: options.enrol.getPublicKey(),
        subject: `renew.${node}`,
        local_subject: renewSubject(node),
        type: "service",
      },
    ],
    signingKeys: [
      scopedSigner(keys.signer, "link", {
        // `_R_.>` is where a command's reply goes; a limited right to reply does not work for leaf users.
        pub: {
          allow: [...grants.map(({ as }) => as), renewSubject(node), "_R_.>"],
        },
        sub: { allow: [`_INBOX_${node}.>`, `cmd.${node}.>`] },
        allowed_connection_types: ["LEAFNODE"],
      }),
    ],
    ...(options.revocations && { revocations: options.revocations }),
    // nats-server counts links among connections when claims change, and with 0 it would cut the link for any change.
    limits: { leafLinks: 2, connections: 2 },
  };
}

export function enrolAccount(key: KeyPair): AccountClaims {
  return {
    name: "ENROL",
    key,
    exports: [{ name: "renew", subject: "renew.*", ...service }],
    // Each token's user is a link of its own, and what limits them is how many tokens were made.
    limits: { leafLinks: -1, connections: 4 },
  };
}

/** Of a token's user in ENROL. */
export function tokenRights(tokenId: string, node: string): Permissions {
  return {
    pub: { allow: [enrolSubject(tokenId)] },
    sub: { allow: [`_INBOX_${node}.>`] },
    allowed_connection_types: ["LEAFNODE"],
  };
}

/**
 * Of the hub's own user there, who answers. Permissions can't say `_INBOX_<any node>.>`; that an answer goes to who asked is
 * seen to by the service, and here only that no answer becomes a question.
 */
export const enrolServiceRights: Permissions = {
  pub: { allow: [">"], deny: ["enrol.>", "renew.>", "$SYS.>", "$JS.>"] },
  sub: { allow: ["enrol.*", "renew.*"] },
  allowed_connection_types: ["STANDARD"],
};
