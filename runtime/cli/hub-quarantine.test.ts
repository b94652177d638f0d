import assert from "node:assert/strict";
import { test } from "node:test";
import { createNodeRecords } from "../hub/node-records.ts";
import { provisionStream } from "../hub/stream.ts";
import { startTestServer, TestNode } from "../hub/test-hub.ts";
import { deriveKeys } from "../identity/keys.ts";
import { silentLog } from "../log.ts";
import { umec } from "./test-program.ts";

test("forged frames are told by hub read and listed by hub quarantine, with status 5", async () => {
  await using hub = await startTestServer();
  await provisionStream(hub.nc, { log: silentLog });
  const url = `nats://${hub.nc.getServer()}`;
  const quarantine = ["hub", "quarantine", "--url", url];
  const node = new TestNode(hub.nc, "lamp");
  await node.live({ rows: [1, 1], records: node.samples(1, 1) });
  const none = await umec([...quarantine, "lamp"]);
  assert.deepEqual([none.code, none.stdout, none.stderr], [0, "no frame of lamp is in quarantine\n", ""]);

  await createNodeRecords(hub.nc).put({
    version: 1,
    node: "lamp",
    state: "enrolled",
    keys: deriveKeys(Buffer.alloc(32, 1), false).keys,
    enrolledAtMs: Date.now() - 3_600_000,
    former: [],
  });
  const read = await umec(["hub", "read", "--url", url, "lamp", "p1"]);
  assert.deepEqual([read.code, read.stdout], [5, ""]);
  assert.equal(
    read.stderr,
    "umec: 1 stored frame not signed by lamp, and left out: see umec hub quarantine lamp\n",
  );
  const text = await umec([...quarantine, "lamp"]);
  assert.equal(text.code, 5, text.stderr);
  assert.match(
    text.stdout,
    /^SEQUENCE +STORED +SUBJECT +REASON\n1 +20\S+Z +umec\.lamp\.p1\.telemetry +it has no header Umec-Signature\n$/,
  );
  const json = await umec([...quarantine, "--json", "lamp"]);
  const { seq, subject, storedAtMs, reason } = JSON.parse(json.stdout);
  assert.deepEqual(
    [json.code, seq, subject, reason],
    [5, 1, "umec.lamp.p1.telemetry", "it has no header Umec-Signature"],
  );
  assert.ok(Math.abs(storedAtMs - Date.now()) < 60_000);
});
