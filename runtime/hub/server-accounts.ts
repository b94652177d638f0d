/**
 * The hub's accounts; see `server.ts` for the reasons.
 *
 * | account | exports | imports |
 * |---|---|---|
 * | FLEET, with the streams | services `umec.>` and `$JS.API.DIRECT.GET.TELEMETRY.>`, and each node's bucket | each node's `cmd.<node>.>` |
 * | one for each node | service `cmd.<node>.>` | FLEET's `umec.<node>.>`; its direct gets as `hub.last.umec.<node>.>`; its bucket as `hub.obj.<node>.>` and `hub.objlast.<node>.>` |
 *
 * Within its own bucket a node may do what the format of NATS' object stores asks for, and that includes the header
 * `Nats-Rollup`: who has a node's credentials can empty that node's bucket, and no other.
 */
import type { KeyPair } from "@nats-io/nkeys";
import { type AccountClaims, scopedSigner } from "../nats/claims.ts";
import { nodeObjectLastRoot, nodeObjectRoot, objectRoot, objectStream, streamName } from "../subjects.ts";
import type { NodeKeys } from "./server-keys.ts";

const directGet = `$JS.API.DIRECT.GET.${streamName}`;
const service = { type: "service", response_type: "Singleton" } as const;

function objectDirectGet(node: string): string {
  return `$JS.API.DIRECT.GET.${objectStream(node)}.${objectRoot(node)}`;
}

export function fleetAccount(key: KeyPair, nodes: readonly [string, NodeKeys][]): AccountClaims {
  return {
    name: "FLEET",
    key,
    exports: [
      { name: "ingest", subject: "umec.>", type: "service", response_type: "Singleton" },
      { name: "last", subject: `${directGet}.>`, type: "service", response_type: "Singleton" },
      ...nodes.flatMap(([node]) => [
        { name: `objects-${node}`, subject: `${objectRoot(node)}.>`, ...service },
        { name: `objects-last-${node}`, subject: `${objectDirectGet(node)}.>`, ...service },
      ]),
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
      {
        name: "objects",
        account,
        subject: `${objectRoot(node)}.>`,
        local_subject: `${nodeObjectRoot(node)}.>`,
        type: "service",
      },
      {
        name: "objects-last",
        account,
        subject: `${objectDirectGet(node)}.>`,
        local_subject: `${nodeObjectLastRoot(node)}.>`,
        type: "service",
      },
    ],
    signingKeys: [
      scopedSigner(keys.signer, "link", {
        // `_R_.>` is where a command's reply goes; a limited right to reply does not work for leaf users.
        pub: {
          allow: [
            chains,
            `hub.last.${chains}`,
            `${nodeObjectRoot(node)}.>`,
            `${nodeObjectLastRoot(node)}.>`,
            "_R_.>",
          ],
        },
        sub: { allow: [`_INBOX_${node}.>`, `cmd.${node}.>`] },
        allowed_connection_types: ["LEAFNODE"],
      }),
    ],
    limits: { leafLinks: 2, connections: 0 },
  };
}
