import { readFile } from "node:fs/promises";
import type { NatsConnection } from "@nats-io/nats-core";
import { openDocument, signDocument } from "../document-wire.ts";
import type { EnrolDesk } from "./desk.ts";
import { putDocument, readDocument } from "./documents.ts";

/**
 * Names the hub's CAs, as they are now, to nodes with a credentials file; those that have enrolled are told when they renew.
 * Does nothing for a node that was told already, and for a hub without CAs of its own.
 */
export async function tellCas(nc: NatsConnection, desk: EnrolDesk, nodes: Iterable<string>): Promise<void> {
  if (desk.caFile === undefined) return;
  const text = await readFile(desk.caFile, "utf8");
  for (const node of nodes) {
    const { signer } = desk.keys.node(node);
    const before = await readDocument(nc, node, "ca");
    const told = before && openDocument("ca", before.body);
    const known = typeof told === "object" ? told : undefined;
    if (known?.text === text && known.signer === signer.getPublicKey()) continue;
    const issuedAtMs = Math.max(desk.now(), (known?.issuedAtMs ?? 0) + 1);
    await putDocument(nc, node, "ca", signDocument("ca", { node, issuedAtMs, text }, signer));
  }
}
