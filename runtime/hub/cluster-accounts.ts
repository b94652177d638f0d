/**
 * The accounts that a cluster of the user's own needs, as text for its configuration of nats-server.
 *
 * Each node has an account of its own that reaches just its own chains, their last messages and its
 * commands, all as services of the fleet's account. In one shared account a node could write on another's
 * chain through the reply subject of a publish, which permissions do not cover.
 *
 * - Frames: the node's `umec.<node>.>` is the fleet's; the answer is the PubAck of the stream TELEMETRY.
 * - Last message: `hub.last.umec.<node>.>` stands for JetStream's direct get, so that a node names no `$JS`
 *   subject (one does not come through a leaf link whose two sides are of different JetStream domains).
 * - Objects: the bucket `node-<node>` is the node's as `hub.obj.<node>.>`, its last messages as
 *   `hub.objlast.<node>.>`. Other than the exports above these name one account each.
 * - Documents: what the hub keeps for the node is the node's to read as `hub.doc.<node>.>`.
 * - Updates: what the hub has of system updates is every node's to read, as `hub.ota.>`.
 * - Commands: `cmd.<node>.>` goes the other way.
 *
 * The exports name the nodes' accounts: other accounts of the same cluster can't import them. Two leaf links
 * for each node let a new link replace a half-open one at once.
 */
import { UmecError } from "../errors.ts";
import { nameSyntax, streamName } from "../subjects.ts";
import { commonExports, exportsFor, type Grant, nodeGrants } from "./node-grants.ts";

export interface ClusterNode {
  node: string;
  /** Public key (`U…`) of the node's leaf user. @default a text that nats-server refuses until it is replaced */
  nkey?: string;
}

export interface ClusterAccountsOptions {
  /** Public key (`U…`) of the user that provisions, reads and commands. @default as {@link ClusterNode.nkey} */
  fleetNkey?: string;
}

const nkeySyntax = /^U[A-Z2-7]{55}$/;

/**
 * The `accounts` block for these nodes.
 *
 * @throws UmecError `HUB_NODE_INVALID` for a name that is no node's, a name given twice, or a key that is
 * no public user key.
 */
export function clusterAccountsSnippet(
  nodes: readonly ClusterNode[],
  options: ClusterAccountsOptions = {},
): string {
  check(nodes, options);
  const names = nodes.map(({ node }) => node);
  const importers = names.map((node) => JSON.stringify(accountOf(node))).join(", ");
  // An empty list of accounts would make an export public.
  const exports = importers
    ? `
    exports: [${commonExports.map(({ subject }) => exportTo(subject, importers)).join("")}${names.map(objectExports).join("")}
    ]
    imports: [${names.map((node) => `\n      { service: { account: "${accountOf(node)}", subject: "cmd.${node}.>" } }`).join("")}
    ]`
    : "";
  return `# Beside this the cluster needs, on each server:
#   jetstream { store_dir: "...", domain: hub }
#   leafnodes { listen: "0.0.0.0:7422", tls { ..., handshake_first: true } }
# and the stream ${streamName}, which is made by provisioning as the fleet's user.
accounts {
  FLEET {
    jetstream: enabled
    users: [ { nkey: "${options.fleetNkey ?? "public nkey of the fleet's user"}" } ]${exports}
  }${nodes.map(nodeAccount).join("")}
}
`;
}

function nodeAccount({ node, nkey }: ClusterNode): string {
  const grants = nodeGrants(node);
  return `
  "${accountOf(node)}" {
    limits { max_leafnodes: 2 }
    users: [
      {
        nkey: "${nkey ?? `public nkey of the leaf user of ${node}`}"
        allowed_connection_types: ["LEAFNODE"]
        permissions {
          publish: [${[...grants.map(({ as }) => as), "_R_.>"].map((subject) => `\n            "${subject}"`).join("")}
          ]
          subscribe: ["_INBOX_${node}.>", "cmd.${node}.>"]
        }
      }
    ]
    exports: [ { service: "cmd.${node}.>", accounts: [FLEET] } ]
    imports: [${grants.map(importAs).join("")}
    ]
  }`;
}

function importAs({ subject, as }: Grant): string {
  const to = as === subject ? "" : `, to: "${as}"`;
  return `\n      { service: { account: FLEET, subject: "${subject}" }${to} }`;
}

function objectExports(node: string): string {
  return exportsFor(node)
    .map(({ subject }) => exportTo(subject, JSON.stringify(accountOf(node))))
    .join("");
}

/** @param accounts as they stand in a list */
function exportTo(subject: string, accounts: string): string {
  return `\n      { service: "${subject}", accounts: [${accounts}] }`;
}

function accountOf(node: string): string {
  return `NODE-${node}`;
}

function check(nodes: readonly ClusterNode[], options: ClusterAccountsOptions): void {
  const seen = new Set<string>();
  for (const { node, nkey } of nodes) {
    if (!nameSyntax.test(node)) throw invalid(`${JSON.stringify(node)} is no name of a node`);
    if (seen.has(node)) throw invalid(`${node} is given twice`);
    seen.add(node);
    checkKey(nkey);
  }
  checkKey(options.fleetNkey);
}

function checkKey(nkey: string | undefined): void {
  if (nkey === undefined || nkeySyntax.test(nkey)) return;
  // A seed is a secret: not even the wrong text is shown.
  throw invalid("a key is no public key of a user: U and 55 characters of base32");
}

function invalid(reason: string): UmecError {
  return new UmecError("HUB_NODE_INVALID", reason, { hint: "name nodes in lower case, with digits and -" });
}
