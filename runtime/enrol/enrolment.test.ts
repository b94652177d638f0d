/** A node that enrols: a real node, a real hub, and what may come between them. */
import assert from "node:assert/strict";
import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { replaceNode, revokeNode } from "../hub/node-admin.ts";
import {
  assertWhole,
  counted,
  counting,
  giveToken,
  runNode,
  startHub,
  tokenFor,
  writeNode,
} from "../test-enrolling.ts";
import { createScratch } from "../test-scratch.ts";

const scratch = createScratch();

test("a node with a token enrols, takes what the hub tells it to be, and what it stored before is there, signed", async (t) => {
  const dir = await scratch();
  const hub = await startHub(t, dir);
  const token = await tokenFor(hub, {
    target: { outbox: { quotaBytes: "64MiB" }, link: { frameBytes: "64KiB" } },
  });
  const path = await writeNode(dir, hub.leafUrl, token);
  const { node, until, complaints } = await runNode(t, path);
  const status = await until(
    ({ link, enrolment }) => enrolment?.state === "enrolled" && link.sentSamples > 20,
  );
  assert.equal(status.enrolment?.reason, undefined);
  assert.deepEqual(hub.desk.registry.nodes.get("n1")?.keys, status.identity.keys);
  await until(({ outbox, target }) => outbox.quotaBytes === 64 * 2 ** 20 && target.state === "reached");
  const text = await readFile(path, "utf8");
  assert.match(text, /^# kept\nnode: n1\nlink: \{ hub: .*, reconnectMs: 150, frameBytes: 64KiB \}$/m);
  await assert.rejects(stat(join(dir, "enrolment-token")), /ENOENT/);
  const { mode } = await stat(join(dir, "data", "keys", "hub.json"));
  assert.equal(mode & 0o777, 0o600);
  // The new frame size has the link dialled anew, by a file that is written anew.
  await until(({ link }) => link.state === "up");
  assert.equal((await stat(join(dir, "data", "run", "hub.creds"))).mode & 0o777, 0o600);
  await until(({ outbox }) => outbox.waitingRows === 0);
  await node.stop();
  assert.deepEqual(await readdir(join(dir, "data", "run")), ["bus"]);
  await assertWhole(hub, 20);
  assert.deepEqual(
    complaints.filter((line) => /enrol|hub|leaf/i.test(line)),
    [],
  );
});

test("a hub that is away for a while is waited for, and found again by a node that has enrolled", async (t) => {
  const dir = await scratch();
  const first = await startHub(t, dir);
  const token = await tokenFor(first);
  const listen = new URL(first.leafUrl).host;
  const path = await writeNode(dir, first.leafUrl, token);
  await first.stop();
  const drivers = counting();
  const waiting = await runNode(t, path, drivers);
  await waiting.until(({ enrolment }) => /no link to the hub: .*refused/.test(enrolment?.reason ?? ""));
  const hub = await startHub(t, dir, { leafListen: listen });
  await waiting.until(({ link, outbox }) => link.sentSamples > 5 && outbox.waitingRows === 0);
  await waiting.node.stop();
  const { node, until } = await runNode(t, path, drivers);
  const { enrolment, identity } = await until(({ link }) => link.sentSamples > 5);
  assert.equal(enrolment?.state, "enrolled");
  assert.deepEqual(hub.desk.registry.nodes.get("n1")?.keys, identity.keys);
  assert.equal(hub.desk.registry.nodes.get("n1")?.generation, 1);
  await until(({ outbox }) => outbox.waitingRows === 0);
  await node.stop();
  await assertWhole(hub, 10);
});

test("a second board with a spent token is refused, says so once, and enrols at once when it gets one of its own", async (t) => {
  const [dir, other] = [await scratch(), await scratch()];
  const hub = await startHub(t, dir);
  const token = await tokenFor(hub);
  const first = await runNode(t, await writeNode(join(dir, "node"), hub.leafUrl, token));
  await first.until(({ enrolment }) => enrolment?.state === "enrolled");
  await first.node.stop();
  const { until, complaints } = await runNode(t, await writeNode(other, hub.leafUrl, token));
  const { enrolment } = await until(({ enrolment }) => enrolment?.state === "refused");
  assert.match(enrolment?.reason ?? "", /the token was used at .* by a board with other keys/);
  await until(({ outbox }) => outbox.waitingRows > 5);
  assert.equal(complaints.filter((line) => /the node is not enrolled/.test(line)).length, 1);
  await replaceNode(hub.desk, "n1");
  await giveToken(other, await tokenFor(hub));
  await until(({ enrolment, link }) => enrolment?.state === "enrolled" && link.sentSamples > 5);
  assert.equal(hub.desk.registry.nodes.get("n1")?.generation, 2);
});

test("a token for another node, or a part of one, is refused without asking; without one the node waits", async (t) => {
  const dir = await scratch();
  const hub = await startHub(t, dir);
  const path = await writeNode(dir, hub.leafUrl);
  const { until } = await runNode(t, path);
  const none = await until(({ enrolment }) => enrolment?.reason !== undefined);
  assert.equal(none.enrolment?.state, "none");
  assert.match(none.target.findings[0]?.reason ?? "", /names no credentials, and there is no token/);
  await giveToken(dir, await tokenFor(hub, { node: "n2" }));
  const { enrolment } = await until(({ enrolment }) => enrolment?.state === "refused");
  assert.match(enrolment?.reason ?? "", /the token is for n2, and this node is n1/);
  await rm(join(dir, "enrolment-token"));
  await until(({ enrolment }) => enrolment?.state === "none");
  assert.deepEqual([...hub.desk.registry.nodes.keys()], []);
  await giveToken(dir, await tokenFor(hub));
  await until(({ enrolment }) => enrolment?.state === "enrolled");
});

test("claims of some seconds are renewed again and again, and no sample is lost or stored twice", async (t) => {
  const dir = await scratch();
  const hub = await startHub(t, dir, { enrolment: { validMs: 6_000 } });
  const { node, until } = await runNode(t, await writeNode(dir, hub.leafUrl, await tokenFor(hub)));
  const first = await until(({ enrolment }) => enrolment?.state === "enrolled");
  const afterMs = first.enrolment!.expiresAtMs! + 9_000;
  const { link } = await until(({ enrolment }) => enrolment!.expiresAtMs! > afterMs);
  const sent = link.sentSamples;
  await until(({ link }) => link.sentSamples > sent + 20);
  await until(({ outbox }) => outbox.waitingRows === 0);
  await node.stop();
  await assertWhole(hub, 100);
});

test("a revoked node says so, keeps its samples, and sends them when it has enrolled again", async (t) => {
  const dir = await scratch();
  const hub = await startHub(t, dir);
  const { node, until, complaints } = await runNode(
    t,
    await writeNode(dir, hub.leafUrl, await tokenFor(hub)),
  );
  await until(({ link }) => link.sentSamples > 5);
  await revokeNode(hub.desk, "n1");
  const { enrolment, outbox } = await until(({ enrolment }) => enrolment?.state === "refused");
  assert.match(enrolment?.reason ?? "", /the hub refuses the link: .*(Revoked|Authorization)/);
  await until((status) => status.outbox.waitingRows > outbox.waitingRows + 10);
  assert.equal(complaints.filter((line) => /the hub refuses the link/.test(line)).length, 1);
  const stored = (await counted(hub)).length;
  await replaceNode(hub.desk, "n1");
  await giveToken(dir, await tokenFor(hub));
  await until((status) => status.enrolment?.state === "enrolled" && status.link.sentSamples > 10);
  await until((status) => status.outbox.waitingRows === 0);
  await node.stop();
  assert.ok((await counted(hub)).length > stored + 10);
  await assertWhole(hub, stored);
});
