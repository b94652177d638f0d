/** Over a real nats-server; the hub is played, so that it can lag, fall silent and begin anew. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { headers } from "@nats-io/nats-core";
import { startTestServer } from "../hub/test-hub.ts";
import { silentLog } from "../log.ts";
import { createHubDocuments } from "./hub-documents.ts";

interface Stored {
  revision: number;
  text: string;
  stamp?: string;
}

async function rig(t: TestContext) {
  const server = await startTestServer(() => "");
  t.after(() => server[Symbol.asyncDispose]());
  const { nc } = server;
  const listeners = new Set<(connected: boolean) => void>();
  const hub = {
    connected: true,
    /** What the replicas answer, one after another; the last one stays. `undefined`: none. */
    answers: [] as (Stored | undefined)[],
    silent: false,
    asked: 0,
    reports: [] as string[],
    acks: true,
  };
  nc.subscribe("hub.doc.n1.target", {
    callback: (_, message) => {
      hub.asked++;
      if (hub.silent) return;
      const stored = hub.answers.length > 1 ? hub.answers.shift() : hub.answers[0];
      if (!stored) return void message.respond("", { headers: headers(404, "Message Not Found") });
      const hdrs = headers();
      hdrs.set("Nats-Sequence", String(stored.revision));
      hdrs.set("Nats-Time-Stamp", stored.stamp ?? "");
      if (stored.text === "") hdrs.set("KV-Operation", "DEL");
      message.respond(stored.text, { headers: hdrs });
    },
  });
  nc.subscribe("umec.n1._document.target.report", {
    callback: (_, message) => {
      hub.reports.push(message.string());
      if (hub.acks) message.respond(JSON.stringify({ seq: hub.reports.length }));
    },
  });
  const documents = createHubDocuments({
    node: "n1",
    connection: nc,
    leaf: {
      leafState: async () => ({ connected: hub.connected }),
      onLeafChange: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    log: silentLog,
    answerMs: 200,
    lookAgainMs: [300, 3_600_000],
  });
  t.after(() => documents.stop());
  const told: (string | undefined)[] = [];
  const ended = new AbortController();
  let more = Promise.withResolvers<void>();
  documents.watch(
    "target",
    (document) => {
      told.push(document && `${document.revision} ${Buffer.from(document.body)}`);
      more.resolve();
    },
    ended.signal,
  );
  return {
    hub,
    told,
    documents,
    ended,
    notice: (revision: number) => {
      const hdrs = headers();
      hdrs.set("Nats-Sequence", String(revision));
      nc.publish("cmd.n1._document.target", "", { headers: hdrs });
    },
    link(connected: boolean) {
      hub.connected = connected;
      for (const listener of listeners) listener(connected);
    },
    /** Resolves when so many were told. */
    async until(count: number) {
      while (told.length < count) {
        await more.promise;
        more = Promise.withResolvers();
      }
    },
    async eventually(fits: () => boolean) {
      for (const deadline = performance.now() + 10_000; !fits(); ) {
        assert.ok(performance.now() < deadline, JSON.stringify([told, hub]));
        await new Promise((done) => setTimeout(done, 5));
      }
    },
  };
}

test("what is there at the link-up is told, and each change; the same revision once", async (t) => {
  const { hub, told, notice, link, until, eventually } = await rig(t);
  await until(1);
  hub.answers = [{ revision: 1, text: "one" }];
  notice(1);
  await until(2);
  hub.answers = [{ revision: 4, text: "" }];
  notice(4);
  await until(3);
  link(false);
  hub.answers = [{ revision: 5, text: "five" }];
  link(true);
  await until(4);
  const { asked } = hub;
  link(false);
  link(true);
  await eventually(() => hub.asked >= asked + 2);
  assert.deepEqual(told, [undefined, "1 one", undefined, "5 five"]);
});

test("a replica that lags leads nobody back: what a notice named is asked for until it is there", async (t) => {
  const { hub, told, notice, link, until, eventually } = await rig(t);
  await until(1);
  hub.answers = [{ revision: 2, text: "two" }];
  notice(2);
  await until(2);
  hub.answers = [
    { revision: 2, text: "two" },
    { revision: 2, text: "two" },
    { revision: 3, text: "three" },
  ];
  notice(3);
  await until(3);
  // One that is asked at the next link-up lags still more; the next look meets another.
  link(false);
  hub.answers = [{ revision: 1, text: "one" }, undefined, { revision: 3, text: "three" }];
  const { asked } = hub;
  link(true);
  await eventually(() => hub.asked >= asked + 3);
  assert.deepEqual(told, [undefined, "2 two", "3 three"]);
});

test("a hub that has begun its bucket anew is believed when it stays so", async (t) => {
  const { hub, told, link, until } = await rig(t);
  hub.answers = [{ revision: 7, text: "seven", stamp: "a" }];
  link(false);
  link(true);
  await until(told.length + 1);
  const before = told.length;
  hub.answers = [{ revision: 1, text: "new", stamp: "b" }];
  link(false);
  link(true);
  await until(before + 1);
  hub.answers = [{ revision: 1, text: "newer", stamp: "c" }];
  link(false);
  link(true);
  await until(before + 2);
  assert.deepEqual(told.slice(before), ["1 new", "1 newer"]);
});

test("a hub that does not answer is no hub without documents, and is asked again; nothing is told after the end", async (t) => {
  const { hub, told, link, notice, until, eventually, ended } = await rig(t);
  await until(1);
  hub.silent = true;
  link(false);
  link(true);
  const { asked } = hub;
  await eventually(() => hub.asked >= asked + 2);
  assert.equal(told.length, 1);
  hub.answers = [{ revision: 1, text: "one" }];
  hub.silent = false;
  await until(2);
  ended.abort();
  hub.answers = [{ revision: 2, text: "two" }];
  notice(2);
  link(false);
  link(true);
  await new Promise((done) => setTimeout(done, 50));
  assert.deepEqual(told, [undefined, "1 one"]);
});

test("a report is sent until it is acknowledged, and only the last one", async (t) => {
  const { hub, documents, link, eventually } = await rig(t);
  hub.acks = false;
  documents.report("target", "one");
  await eventually(() => hub.reports.length > 1);
  documents.report("target", "two");
  hub.acks = true;
  await eventually(() => hub.reports.at(-1) === "two");
  const { length } = hub.reports;
  link(false);
  documents.report("target", "three");
  assert.equal(hub.reports.length, length);
  link(true);
  await eventually(() => hub.reports.at(-1) === "three");
  assert.ok(hub.reports.lastIndexOf("one") < hub.reports.indexOf("two"));
});
