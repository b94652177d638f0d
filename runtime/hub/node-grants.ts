/**
 * What a node's account takes from the fleet's, subject for subject: one table for the accounts that this program signs
 * (server-accounts.ts) and for those that a cluster of one's own has in its configuration (cluster-accounts.ts). All are
 * services; a node may publish on each as it calls it.
 */
import {
  documentBucket,
  documentStream,
  documentSubject,
  nodeDocumentRoot,
  nodeObjectLastRoot,
  nodeObjectRoot,
  nodeOtaRoot,
  objectRoot,
  objectStream,
  otaRoot,
  otaStream,
  streamName,
} from "../subjects.ts";

export interface Grant {
  name: string;
  /** In the fleet's account. */
  subject: string;
  /** What the node calls it. */
  as: string;
}

const directGet = (stream: string, subject: string): string => `$JS.API.DIRECT.GET.${stream}.${subject}`;
const otaGet = directGet(otaStream, `${otaRoot}.>`);

export function nodeGrants(node: string): readonly Grant[] {
  const chains = `umec.${node}.>`;
  return [
    { name: "ingest", subject: chains, as: chains },
    { name: "last", subject: directGet(streamName, chains), as: `hub.last.${chains}` },
    { name: "objects", subject: `${objectRoot(node)}.>`, as: `${nodeObjectRoot(node)}.>` },
    { name: "objects-last", subject: objectGet(node), as: `${nodeObjectLastRoot(node)}.>` },
    {
      name: "documents",
      subject: directGet(documentStream, documentSubject(node, ">")),
      as: `${nodeDocumentRoot(node)}.>`,
    },
    { name: "ota", subject: otaGet, as: `${nodeOtaRoot}.>` },
  ];
}

/** What the fleet's account gives to all nodes. */
export const commonExports: readonly Omit<Grant, "as">[] = [
  { name: "ingest", subject: "umec.>" },
  { name: "last", subject: directGet(streamName, ">") },
  { name: "documents", subject: directGet(documentStream, `$KV.${documentBucket}.>`) },
  { name: "ota", subject: otaGet },
];

/** What it gives to this node beside those. */
export function exportsFor(node: string): readonly Omit<Grant, "as">[] {
  return [
    { name: `objects-${node}`, subject: `${objectRoot(node)}.>` },
    { name: `objects-last-${node}`, subject: objectGet(node) },
  ];
}

function objectGet(node: string): string {
  return directGet(objectStream(node), `${objectRoot(node)}.>`);
}
