import { stringify } from "yaml";
import { isRecord } from "../target/json.ts";
import type { Card, CardNetwork } from "./card-schema.ts";

/** One file that a card asks for. A private one is its owner's alone. */
export interface CardFile {
  /** Relative to the root of the node. */
  path: string;
  /** `undefined`: the card does not ask for it, and what an earlier card left there goes. */
  text: string | undefined;
  private: boolean;
  /** Whose it is: the node's, or root's. */
  owner: "umec" | "root";
}

export const hostnamePath = "data/etc/hostname";
export const targetPath = "data/umec/node.yaml";

/** The target state that the card describes, as the document of `node.yaml`; secrets are files beside it. */
export function targetOf({ node, hub, target, ssh }: Card): Record<string, unknown> {
  const { link, users, ...others } = target ?? {};
  const people = ssh ? withOwner(users, ssh) : users;
  const rest = { ...others, ...(people !== undefined && { users: people }) };
  if (!hub) return { node, ...(link !== undefined && { link }), ...rest };
  // A node with a token makes keys of its own.
  const enrols = hub.credentials === undefined && hub.token !== undefined;
  const own = {
    hub: hub.urls,
    ...(!enrols && { credentials: "./hub.creds" }),
    ...(hub.ca && { ca: "./hub-ca.pem" }),
  };
  // What is no mapping stays, for the check to find.
  const joined = link === undefined || (typeof link === "object" && link) ? { ...link, ...own } : link;
  return { node, link: joined, ...rest };
}

/** The card's own keys are those of a person called owner, beside those that the target state gives them. */
function withOwner(users: unknown, ssh: readonly string[]): unknown {
  // What is no mapping stays, for the check to find.
  if (users !== undefined && !isRecord(users)) return users;
  const owner = users?.owner;
  const more = isRecord(owner) && Array.isArray(owner.ssh) ? owner.ssh : [];
  return { ...users, owner: { level: "owner", ssh: [...new Set([...ssh, ...more])] } };
}

/**
 * All that the card asks for, the target state last: whoever finds that has the rest. Paths are those of the image
 * (docs/image.md).
 */
export function filesOf(card: Card): CardFile[] {
  const { node, hub, network } = card;
  const umec = { owner: "umec" } as const;
  const root = { owner: "root" } as const;
  return [
    { path: "data/umec/hub-ca.pem", text: hub?.ca, private: false, ...umec },
    { path: "data/umec/hub.creds", text: hub?.credentials, private: true, ...umec },
    { path: "data/umec/enrolment-token", text: hub?.token, private: true, ...umec },
    { path: "data/network/10-umec.network", text: network && networkFile(network), private: false, ...root },
    { path: hostnamePath, text: `${node}\n`, private: false, ...root },
    { path: targetPath, text: targetFile(card), private: true, ...umec },
  ];
}

/** The text of the node's node.yaml. */
export function targetFile(card: Card): string {
  return `# Taken from umec.json. Change it here; a running node follows this file.\n${stringify(targetOf(card), { lineWidth: 0 })}`;
}

/** systemd.network(5). systemd-timesyncd asks the servers of NTP= too, so the network has one file. */
function networkFile({ interface: name, address, gateway, dns, ntp }: CardNetwork): string {
  // Without a kind: no bridge, no tunnel, but what is plugged in.
  const match = name === undefined ? "Type=ether\nKind=!*" : `Name=${name}`;
  const lines = [
    ...(address === undefined ? ["DHCP=yes"] : [`Address=${address}`]),
    ...(gateway === undefined ? [] : [`Gateway=${gateway}`]),
    ...(dns ?? []).map((server) => `DNS=${server}`),
    ...(ntp ?? []).map((server) => `NTP=${server}`),
  ];
  return `[Match]\n${match}\n\n[Network]\n${lines.join("\n")}\n`;
}
