import assert from "node:assert/strict";
import { test } from "node:test";
import { DiscardPolicy, jetstreamManager, RetentionPolicy, StorageType } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { isUmecError } from "../errors.ts";
import { silentLog } from "../log.ts";
import { streamName, streamSubjects } from "../subjects.ts";
import { provisionStream } from "./stream.ts";
import { jetstream, publish, startTestServer } from "./test-hub.ts";

const log = silentLog;
const code = (expected: string, said: RegExp) => (error: unknown) =>
  isUmecError(error, expected) && said.test(error.message) && error.hint !== undefined;

test("the stream is made once; a second time changes nothing", async () => {
  await using hub = await startTestServer();
  assert.deepEqual(await provisionStream(hub.nc, { log }), { created: true, changed: [] });
  assert.deepEqual(await provisionStream(hub.nc, { log }), { created: false, changed: [] });

  const { config } = await (await jetstreamManager(hub.nc)).streams.info(streamName);
  assert.deepEqual(config.subjects, streamSubjects);
  assert.equal(config.storage, "file");
  assert.equal(config.discard, "new");
  assert.equal(config.allow_direct, true);
  assert.equal(config.deny_delete, true);
  assert.equal(config.num_replicas, 1, "one server can hold one copy");
});

test("only what was asked for is changed, and data stays", async () => {
  await using hub = await startTestServer();
  await provisionStream(hub.nc, { maxBytes: 1_000_000, log });
  await publish(hub.nc, "umec.n1.p1.telemetry", Buffer.from("x"));
  const changed = await provisionStream(hub.nc, { maxAgeMs: 60_000, log });
  assert.deepEqual(changed.changed.toSorted(), ["duplicate_window", "max_age"]);

  const { config, state } = await (await jetstreamManager(hub.nc)).streams.info(streamName);
  assert.equal(config.max_age, 60e9);
  assert.equal(config.max_bytes, 1_000_000);
  assert.equal(state.messages, 1);
});

test("a stream that drops old messages is brought to refuse new ones", async () => {
  await using hub = await startTestServer();
  const manager = await jetstreamManager(hub.nc);
  await manager.streams.add({
    name: streamName,
    subjects: [streamSubjects[0]!],
    discard: DiscardPolicy.Old,
    max_msgs_per_subject: 10,
  });
  const { created, changed } = await provisionStream(hub.nc, { log });
  assert.equal(created, false);
  for (const key of ["discard", "max_msgs_per_subject", "subjects", "allow_direct"]) {
    assert.ok(changed.includes(key), `${key} in ${changed}`);
  }
  assert.deepEqual(await provisionStream(hub.nc, { log }), { created: false, changed: [] });
});

for (const [what, config, said] of [
  ["subjects of others", { subjects: ["umec.>"] }, /captures umec\.>/],
  ["memory storage", { storage: StorageType.Memory }, /storage is memory/],
  ["another retention", { retention: RetentionPolicy.Workqueue }, /retention is workqueue/],
] as const) {
  test(`a stream with ${what} is a conflict and stays as it is`, async () => {
    await using hub = await startTestServer();
    const manager = await jetstreamManager(hub.nc);
    const before = await manager.streams.add({
      name: streamName,
      subjects: [...streamSubjects],
      ...config,
    } as {
      name: string;
    });
    await assert.rejects(provisionStream(hub.nc, { log }), code("HUB_STREAM_CONFLICT", said));
    assert.deepEqual((await manager.streams.info(streamName)).config, before.config);
  });
}

test("a stream of another name that captures the same subjects is a conflict", async () => {
  await using hub = await startTestServer();
  await (await jetstreamManager(hub.nc)).streams.add({ name: "OTHER", subjects: ["umec.>"] });
  await assert.rejects(provisionStream(hub.nc, { log }), code("HUB_STREAM_CONFLICT", /overlap/));
});

test("more replicas than the server can hold are refused when they were asked for", async () => {
  await using hub = await startTestServer();
  await assert.rejects(
    provisionStream(hub.nc, { replicas: 3, log }),
    (error: unknown) => isUmecError(error, "HUB_REFUSED") && /replicas/.test(error.message),
  );
});

test("a server without JetStream says so", async () => {
  await using hub = await startTestServer(() => "");
  await assert.rejects(provisionStream(hub.nc, { log }), code("HUB_NO_JETSTREAM", /JetStream is off/));
});

test("an account without JetStream and a user without the right say so", async () => {
  await using hub = await startTestServer(
    ({ dir }) => `${jetstream(dir)}
      accounts {
        FLEET { jetstream: enabled, users: [
          { user: all, password: x }
          { user: reader, password: x, permissions { publish: ["telemetry"], subscribe: ["_INBOX.>"] } }
        ] }
        PLAIN { users: [ { user: plain, password: x } ] }
      }`,
    { user: "all", pass: "x" },
  );
  const servers = `127.0.0.1:${hub.nc.info!.port}`;
  await using plain = await connectAs(servers, "plain");
  await assert.rejects(provisionStream(plain.nc, { log }), code("HUB_NO_JETSTREAM", /JetStream is off/));
  await using reader = await connectAs(servers, "reader");
  await assert.rejects(provisionStream(reader.nc, { log }), code("HUB_FORBIDDEN", /\$JS\.API/));
  assert.equal((await provisionStream(hub.nc, { log })).created, true);
});

test("a full stream refuses the next frame and keeps every old one", async () => {
  await using hub = await startTestServer();
  await provisionStream(hub.nc, { maxBytes: 4096, log });
  const frame = new Uint8Array(1000);
  let stored = 0;
  const refusal = async () => {
    for (;;) {
      await publish(hub.nc, "umec.n1.p1.telemetry", frame);
      stored++;
    }
  };
  await assert.rejects(refusal(), /maximum bytes exceeded/);
  assert.ok(stored >= 3, `${stored} stored`);
  const { state } = await (await jetstreamManager(hub.nc)).streams.info(streamName);
  assert.equal(state.messages, stored);
  assert.equal(state.first_seq, 1);

  await provisionStream(hub.nc, { maxBytes: 8192, log });
  assert.equal(await publish(hub.nc, "umec.n1.p1.telemetry", frame), stored + 1);
});

async function connectAs(servers: string, user: string) {
  const nc = await connect({ servers, user, pass: "x" });
  return { nc, [Symbol.asyncDispose]: () => nc.close() };
}
