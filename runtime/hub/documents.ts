/**
 * The hub's documents for its nodes: one of each kind for each node, and what the node made of it.
 *
 * What it promises:
 * 1. **A document is whole and durable** when `putDocument` resolves: one message of the key-value bucket DOCUMENTS, key
 *    `<node>.<kind>`, synced as every other. The last 8 of each stay to be looked at.
 * 2. **The node hears of a change without anybody's help**: JetStream itself repeats what it has stored, without its body, on
 *    `cmd.<node>._document.<kind>`, which reaches the node that is linked. So it is told also when who wrote the document
 *    dies right after. A node that is away reads at its next link-up.
 * 3. **A node reads its own documents and no other's, and writes none**: its account imports the direct gets of
 *    `$KV.DOCUMENTS.<node>.>` and nothing else of the bucket.
 * 4. **Revisions grow**, over removals too: a document that is removed is one more message, without a body.
 *
 * What a node made of a document is the last message on `umec.<node>._document.<kind>.report` in the stream
 * DOCUMENT_REPORTS; the node's account is the only one that can write there.
 *
 * Reads here ask the stream's leader (bucket.ts); a node's direct get may be answered by a replica
 * that lags, and sees to that itself (../documents/watch.ts).
 */
import { DiscardPolicy, jetstream, RetentionPolicy, StorageType } from "@nats-io/jetstream";
import { headers, type NatsConnection } from "@nats-io/nats-core";
import { type DocumentKind, mostDocumentBytes, type NodeDocument } from "../documents/types.ts";
import { UmecError } from "../errors.ts";
import {
  documentBucket,
  documentNoticeSubject,
  documentReportSubject,
  documentStream,
  documentSubject,
  nameSyntax,
  reportStream,
  streamName,
} from "../subjects.ts";
import { apiCode, apiCodes, hubError } from "./api-errors.ts";
import {
  type BucketConfig,
  bucketConfig,
  isOvertaken,
  managerOf,
  operationHeader,
  readEntry,
} from "./bucket.ts";

const streams: readonly BucketConfig[] = [
  {
    ...bucketConfig(documentBucket),
    // Nodes read it by direct get.
    allow_direct: true,
    // With the headers.
    max_msg_size: mostDocumentBytes + 4096,
    republish: {
      src: documentSubject("*", "*"),
      dest: documentNoticeSubject("{{wildcard(1)}}", "{{wildcard(2)}}"),
      headers_only: true,
    },
  },
  {
    name: reportStream,
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    allow_direct: true,
    subjects: [documentReportSubject("*", "*")],
    discard: DiscardPolicy.Old,
    max_msgs_per_subject: 1,
    max_msg_size: 16_384,
  },
];

export interface DocumentOptions {
  /** Copies, where the bucket is made. @default as many as of the samples */
  replicas?: number;
}

/** Sees to it that there is a place for documents and reports. @throws UmecError as `provisionStream` does */
export async function provisionDocuments(nc: NatsConnection, options: DocumentOptions = {}): Promise<void> {
  try {
    const manager = await managerOf(nc);
    const find = (name: string) =>
      manager.streams.info(name).catch((error: unknown) => {
        if (apiCode(error) === apiCodes.streamNotFound) return undefined;
        throw error;
      });
    for (const config of streams) {
      if (await find(config.name)) continue;
      const replicas = options.replicas ?? (await find(streamName))?.config.num_replicas ?? 1;
      await manager.streams.add({ ...config, num_replicas: replicas });
    }
  } catch (error) {
    throw hubError("provision the documents", error);
  }
}

export interface PutOptions extends DocumentOptions {
  /** Of the document that is to be replaced; 0: there is none. @default whatever is there is replaced */
  expectedRevision?: number;
}

/**
 * Replaces a node's document; it makes the bucket when there is none.
 *
 * @param nc of the fleet's user; it needs `$JS.API.>` and `$KV.DOCUMENTS.>`
 * @param body at most {@link mostDocumentBytes}
 * @returns the new revision
 * @throws UmecError `HUB_DOCUMENT_CHANGED` when somebody wrote it since, `HUB_DOCUMENT_TOO_LARGE`, and as
 *   {@link provisionDocuments} does
 */
export async function putDocument(
  nc: NatsConnection,
  node: string,
  kind: DocumentKind,
  body: Uint8Array,
  options: PutOptions = {},
): Promise<number> {
  if (body.length > mostDocumentBytes) {
    throw new UmecError(
      "HUB_DOCUMENT_TOO_LARGE",
      `the ${kind} of ${node} has ${body.length} bytes, ${mostDocumentBytes} are allowed`,
      { hint: "make it smaller" },
    );
  }
  if (body.length === 0) throw new UmecError("HUB_QUERY_INVALID", `the ${kind} of ${node} is empty`);
  return write(nc, node, kind, body, options);
}

/**
 * Removes a node's document, if there is one. The node is told that there is none.
 *
 * @throws UmecError as {@link putDocument} does
 */
export async function removeDocument(nc: NatsConnection, node: string, kind: DocumentKind): Promise<void> {
  if (!(await readDocument(nc, node, kind))) return;
  await write(nc, node, kind, new Uint8Array(0), {});
}

/** The document as it is, `undefined` when there is none. @throws UmecError as `hubError` has it */
export async function readDocument(
  nc: NatsConnection,
  node: string,
  kind: DocumentKind,
): Promise<NodeDocument | undefined> {
  const subject = documentSubject(checked(node), kind);
  const last = await readEntry(nc, documentStream, subject, `the ${kind} of ${node}`);
  if (!last || last.removed) return undefined;
  return { revision: last.revision, body: last.body };
}

/** What the node made of its document, as it wrote it; `undefined` when it never said anything. */
export async function readReport(
  nc: NatsConnection,
  node: string,
  kind: DocumentKind,
): Promise<{ atMs: number; body: Uint8Array } | undefined> {
  const subject = documentReportSubject(checked(node), kind);
  return readEntry(nc, reportStream, subject, `what ${node} reports`);
}

async function write(
  nc: NatsConnection,
  node: string,
  kind: DocumentKind,
  body: Uint8Array,
  { expectedRevision, ...options }: PutOptions,
): Promise<number> {
  const subject = documentSubject(checked(node), kind);
  const hdrs = headers();
  if (body.length === 0) hdrs.set(operationHeader, "DEL");
  const expect = expectedRevision === undefined ? {} : { lastSubjectSequence: expectedRevision };
  try {
    await provisionDocuments(nc, options);
    return (await jetstream(nc).publish(subject, body, { headers: hdrs, expect })).seq;
  } catch (error) {
    if (!isOvertaken(error)) throw hubError(`write the ${kind} of ${node}`, error);
    throw new UmecError("HUB_DOCUMENT_CHANGED", `the ${kind} of ${node} was changed by somebody else`, {
      cause: error,
      hint: "look at it, and try again",
    });
  }
}

function checked(node: string): string {
  if (nameSyntax.test(node)) return node;
  throw new UmecError("HUB_QUERY_INVALID", `${JSON.stringify(node)} is no name of a node`);
}
