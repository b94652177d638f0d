import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { jetstreamManager } from "@nats-io/jetstream";
import type { Msg, NatsConnection } from "@nats-io/nats-core";
import { mostDocumentBytes } from "../documents/types.ts";
import { silentLog } from "../log.ts";
import { findNatsServer } from "../nats/find-server.ts";
import { createScratch } from "../test-scratch.ts";
import { provisionDocuments, putDocument, readDocument, readReport, removeDocument } from "./documents.ts";
import { startHubServer } from "./server.ts";
import { startBoard } from "./test-enrol.ts";

const scratch = createScratch();

/** A hub of n1 and n2, and the board of n1, whose owner may do all on it. */
async function rig(t: TestContext) {
  const { path: natsServerPath } = await findNatsServer();
  const hub = await startHubServer({
    ...{ dir: await scratch(), natsServerPath, nodes: ["n1", "n2"], log: silentLog },
  });
  t.after(() => hub.stop());
  const fleet = await hub.connectFleet();
  t.after(() => fleet.close());
  await provisionDocuments(fleet);
  const board = await startBoard("n1", hub.leafUrl);
  t.after(() => board[Symbol.asyncDispose]());
  await board.link(await readFile(hub.credentialsFile("n1"), "utf8"));
  await eventually(board.nc, "hub.doc.n1.target");
  return { fleet, nc: board.nc };
}

async function eventually(nc: NatsConnection, subject: string): Promise<Msg> {
  for (const deadline = performance.now() + 10_000; ; ) {
    const reply = await nc.request(subject, "", { timeout: 1000 }).catch(() => undefined);
    if (reply) return reply;
    assert.ok(performance.now() < deadline, subject);
  }
}

const text = (document: { body: Uint8Array } | undefined) =>
  document && Buffer.from(document.body).toString();

test("documents are put, replaced on condition, removed and read, and revisions grow over all of that", async (t) => {
  const { fleet } = await rig(t);
  assert.equal(await readDocument(fleet, "n1", "target"), undefined);
  assert.equal(await putDocument(fleet, "n1", "target", Buffer.from("one"), { expectedRevision: 0 }), 1);
  const stale = putDocument(fleet, "n1", "target", Buffer.from("x"), { expectedRevision: 0 });
  await assert.rejects(stale, { code: "HUB_DOCUMENT_CHANGED" });
  assert.equal(await putDocument(fleet, "n1", "target", Buffer.from("two"), { expectedRevision: 1 }), 2);
  assert.equal(text(await readDocument(fleet, "n1", "target")), "two");
  assert.equal(await readDocument(fleet, "n1", "update"), undefined);
  await removeDocument(fleet, "n1", "target");
  await removeDocument(fleet, "n1", "target");
  assert.equal(await readDocument(fleet, "n1", "target"), undefined);
  assert.equal(await putDocument(fleet, "n1", "target", Buffer.alloc(mostDocumentBytes, 65)), 4);
  const large = putDocument(fleet, "n1", "target", Buffer.alloc(mostDocumentBytes + 1));
  await assert.rejects(large, { code: "HUB_DOCUMENT_TOO_LARGE" });
  await assert.rejects(putDocument(fleet, "n1.x", "target", Buffer.from("x")), { code: "HUB_QUERY_INVALID" });
});

test("a node hears of each change of its own documents, without the body, and of nobody else's", async (t) => {
  const { fleet, nc } = await rig(t);
  const heard: (readonly [string, string | undefined, number])[] = [];
  let more = Promise.withResolvers<void>();
  nc.subscribe(">", {
    callback: (_, { subject, headers, data }) => {
      if (!subject.startsWith("cmd.")) return;
      heard.push([subject, headers?.get("Nats-Sequence"), data.length]);
      more.resolve();
    },
  });
  await nc.flush();
  const next = async (count: number) => {
    while (heard.length < count) {
      await more.promise;
      more = Promise.withResolvers();
    }
  };
  await putDocument(fleet, "n2", "target", Buffer.from("of n2"));
  await putDocument(fleet, "n1", "target", Buffer.from("one"));
  await putDocument(fleet, "n1", "update", Buffer.from("two"));
  await next(2);
  await removeDocument(fleet, "n1", "target");
  await next(3);
  assert.deepEqual(heard, [
    ["cmd.n1._document.target", "2", 0],
    ["cmd.n1._document.update", "3", 0],
    ["cmd.n1._document.target", "4", 0],
  ]);
});

test("a node reads its own documents alone, and writes none, whatever it asks", async (t) => {
  const { fleet, nc } = await rig(t);
  await putDocument(fleet, "n1", "target", Buffer.from("of n1"));
  await putDocument(fleet, "n2", "target", Buffer.from("secret of n2"));
  const ask = async (subject: string, body = "", reply?: string): Promise<string> => {
    try {
      if (reply !== undefined) {
        nc.publish(subject, body, { reply });
        await nc.flush();
        return "sent";
      }
      const { headers, data } = await nc.request(subject, body, { timeout: 1000 });
      return headers?.code ? `status ${headers.code}` : Buffer.from(data).toString();
    } catch {
      return "nobody";
    }
  };
  assert.equal(await ask("hub.doc.n1.target"), "of n1");
  assert.equal(await ask("hub.doc.n1.>"), "of n1", "whatever it asks for is below its own name");
  const attempts: [string, string?, string?][] = [
    ["hub.doc.n2.target"],
    ["hub.doc.>"],
    ["hub.doc.n1.target", JSON.stringify({ last_by_subj: "$KV.DOCUMENTS.n2.target" })],
    ["hub.doc.n1.target", JSON.stringify({ seq: 2 })],
    ["hub.doc.n1.target", JSON.stringify({ multi_last: ["$KV.DOCUMENTS.>"] })],
    ["$JS.API.DIRECT.GET.KV_DOCUMENTS.$KV.DOCUMENTS.n2.target"],
    ["$JS.hub.API.DIRECT.GET.KV_DOCUMENTS.$KV.DOCUMENTS.n2.target"],
    ["$KV.DOCUMENTS.n1.target", "mine"],
    ["hub.doc.n1.target", "mine", "$KV.DOCUMENTS.n1.target"],
    ["umec.n1.p1.telemetry", "mine", "$KV.DOCUMENTS.n1.target"],
    ["umec.n1._document.target.report", "mine", "$KV.DOCUMENTS.n1.target"],
    ["umec.n1._document.target.report", "mine", "umec.n2._document.target.report"],
    ["umec.n2._document.target.report", "of another"],
    ["cmd.n2._document.target", "hello"],
  ];
  for (const attempt of attempts) {
    const got = await ask(...attempt);
    assert.doesNotMatch(got, /secret/, attempt.join(" "));
  }
  // What was under way is done by the time that a later question is answered.
  assert.equal(await ask("hub.doc.n1.target"), "of n1");
  assert.equal(text(await readDocument(fleet, "n1", "target")), "of n1");
  assert.equal(text(await readDocument(fleet, "n2", "target")), "secret of n2");
  const { streams } = await jetstreamManager(fleet);
  assert.equal((await streams.info("KV_DOCUMENTS")).state.last_seq, 2);
  assert.equal(await readReport(fleet, "n2", "target"), undefined);
  assert.equal(text(await readReport(fleet, "n1", "target")), "mine");
});
