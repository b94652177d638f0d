/**
 * The hub's accounts; see `server.ts` for the reasons.
 *
 * | account | exports | imports |
 * |---|---|---|
 * | FLEET, with the streams | services `umec.>` and `$JS.API.DIRECT.GET.TELEMETRY.>` | each node's `cmd.<node>.>` |
 * | one for each node | service `cmd.<node>.>` | FLEET's `umec.<node>.>`; its direct gets as `hub.last.umec.<node>.>` |
 */
import type { KeyPair } from "@nats-io/nkeys";
import { type AccountClaims, scopedSigner } from "../nats/claims.ts";
import { streamName } from "../subjects.ts";
import type { NodeKeys } from "./server-keys.ts";

const directGet = `$JS.API.DIRECT.GET.${streamName}`;

export function fleetAccount(key: KeyPair, nodes: readonly [string, NodeKeys][]): AccountClaims {
  return {
    name: "FLEET",
    key,
    exports: [
      { name: "ingest", subject: "umec.>", type: "service", response_type: "Singleton" },
      { name: "last", subject: `${directGet}.>`, type: "service", response_type: "Singleton" },
    ],
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

export function nodeAccount(node: string, keys: NodeKeys, fleet: KeyPair): AccountClaims {
  const account = fleet.getPublicKey();
  const chains = `umec.${node}.>`;
  return {
    name: `NODE-${node}`,
    key: keys.account,
    exports: [{ name: "command", subject: `cmd.${node}.>`, type: "service", response_type: "Singleton" }],
    imports: [
      { name: "ingest", account, subject: chains, local_subject: chains, type: "service" },
      {
        name: "last",
        account,
        subject: `${directGet}.${chains}`,
        local_subject: `hub.last.${chains}`,
        type: "service",
      },
    ],
    signingKeys: [
      scopedSigner(keys.signer, "link", {
        // `_R_.>` is where a command's reply goes; a limited right to reply does not work for leaf users.
        pub: { allow: [chains, `hub.last.${chains}`, "_R_.>"] },
        sub: { allow: [`_INBOX_${node}.>`, `cmd.${node}.>`] },
        allowed_connection_types: ["LEAFNODE"],
      }),
    ],
    limits: { leafLinks: 2, connections: 0 },
  };
}
