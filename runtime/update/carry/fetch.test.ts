import assert from "node:assert/strict";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { listBundles, pruneBundles } from "../../hub/ota-store.ts";
import { lockOta } from "../../hub/ota-stream.ts";
import { decodeIndex, parseHead } from "../../ota/index-format.ts";
import { makeTestBundle, noise, type TestBundle } from "../../ota/test-bundle.ts";
import { otaStream } from "../../subjects.ts";
import { type CarryRig, startRig } from "../../test-carry.ts";
import { createScratch } from "../../test-scratch.ts";

const scratch = createScratch();
let one: TestBundle;
/** One file of the root is another, and some bytes of the kernel slot. */
let two: TestBundle;
before(async () => {
  const dir = await scratch();
  const library = noise(2_500_000, 1);
  const boot = noise(900_000, 2);
  const root = { "a.js": noise(300_000, 3), "lib.so": library };
  one = await makeTestBundle({ dir, version: "1.0.0", root, boot });
  const changed = { "a.js": noise(301_000, 4), "lib.so": library };
  const bootNow = Buffer.concat([boot.subarray(0, 500_000), noise(2000, 5), boot.subarray(500_000)]);
  two = await makeTestBundle({ dir, version: "1.0.1", root: changed, boot: bootNow });
});

async function same(path: string, bundle: TestBundle): Promise<void> {
  assert.ok((await readFile(path)).equals(await readFile(bundle.path)), "the file is another");
  assert.deepEqual(await readdir(join(path, "..")), [`${bundle.info.sha256}.raucb`, "last.index"]);
}

function chunksAsked(rig: CarryRig): number[] {
  return [...rig.asked].filter(([subject]) => subject.startsWith("hub.ota.chunk.")).map(([, count]) => count);
}

test("a whole bundle comes over the link, each chunk once, and no hash tree", async (t) => {
  const rig = await startRig(t, await scratch());
  const uploaded = await rig.upload(one);
  const before = rig.proxy.bytes;
  await same(await rig.fetch(one), one);
  const carried = rig.proxy.bytes - before;
  assert.ok(chunksAsked(rig).every((count) => count === 1));
  assert.ok(uploaded.treeBytes > 50_000, `${uploaded.treeBytes}`);
  assert.ok(
    carried < one.info.bytes - uploaded.treeBytes + 450 * uploaded.chunks,
    `${carried} of ${one.info.bytes}`,
  );
  assert.ok(carried > 3_000_000, "it came over the link");
});

test("of the next bundle only what neither slot has comes over the link", async (t) => {
  const rig = await startRig(t, await scratch());
  const first = await rig.upload(one);
  const second = await rig.upload(two);
  assert.ok(
    second.newChunks < first.newChunks / 4,
    `${second.newChunks} of ${first.newChunks} chunks are new`,
  );
  const before = rig.proxy.bytes;
  const seeds = [join(rig.dir, "no-such-slot"), one.bootImage, one.rootImage];
  await same(await rig.fetch(two, { seeds }), two);
  const carried = rig.proxy.bytes - before;
  assert.ok(carried < 500_000, `${carried} bytes for 303,000 that are new`);
});

test("of the next bundle's index only what is new is asked for, and a damaged one of before costs nothing but that", async (t) => {
  const rig = await startRig(t, await scratch());
  await rig.upload(one);
  await rig.upload(two);
  await rig.fetch(one);
  const { streams } = await jetstreamManager(rig.fleet);
  const message = await streams.getMessage(otaStream, { last_by_subj: `ota.index.${two.info.sha256}` });
  const { body } = parseHead(message!.data);
  const askedOf = () => body.filter(([name]) => rig.asked.has(`hub.ota.chunk.${name}`)).length;
  const last = join(rig.dir, "incoming", "last.index");
  const good = await readFile(last);
  rig.asked.clear();
  await same(await rig.fetch(two), two);
  assert.ok(askedOf() < body.length, `${askedOf()} of ${body.length} pieces`);

  await rig.fetch(one);
  const bad = Buffer.from(good);
  for (let at = 0; at < bad.length; at += 300) bad[at]! ^= 1;
  await writeFile(last, bad);
  rig.asked.clear();
  await same(await rig.fetch(two), two);
  assert.equal(askedOf(), body.length);
});

test("what another bundle left in the folder goes; what is whole is not fetched again", async (t) => {
  const rig = await startRig(t, await scratch());
  await rig.upload(one);
  await rig.upload(two);
  await rig.fetch(one);
  await same(await rig.fetch(two), two);
  rig.asked.clear();
  await same(await rig.fetch(two), two);
  assert.deepEqual(chunksAsked(rig), []);
});

test("cut at 30 moments of bytes, it completes, and asks again only for what was in flight", async (t) => {
  const rig = await startRig(t, await scratch());
  await rig.upload(one);
  const step = Math.floor(3_300_000 / 31);
  const budgets = Array.from({ length: 30 }, (_, i) => 1 + ((i * 7919) % (2 * step)));
  rig.proxy.cutAfter(budgets);
  await same(await rig.fetch(one), one);
  const asked = chunksAsked(rig);
  const again = asked.reduce((sum, count) => sum + count - 1, 0);
  t.diagnostic(`${rig.proxy.cuts} cuts, ${again} chunks asked for again of ${asked.length}`);
  assert.ok(rig.proxy.cuts >= 25, `${rig.proxy.cuts} cuts`);
  // Sixteen are in flight at most; one more may be asked before the node knows.
  assert.ok(again <= rig.proxy.cuts * 17, `${again} were asked for again`);
});

test("without a link it asks nothing and waits for it, however long", async (t) => {
  const rig = await startRig(t, await scratch());
  await rig.upload(one);
  const down = Promise.withResolvers<void>();
  rig.bus.onLeafChange((connected) => !connected && down.resolve());
  const half = Promise.withResolvers<void>();
  const fetched = rig.fetch(one, {
    onProgress: ({ fetchedBytes }) => fetchedBytes > 1_000_000 && half.resolve(),
  });
  await half.promise;
  rig.proxy.setOpen(false);
  await down.promise;
  // The first turn after the event, in which whoever does not wait would ask.
  await new Promise(setImmediate);
  const asked = () => [...rig.asked.values()].reduce((sum, count) => sum + count, 0);
  const before = asked();
  // Longer than the first two waits of one that tries again by the clock.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  assert.equal(asked(), before);
  rig.proxy.setOpen(true);
  await same(await fetched, one);
});

test("a chunk that was changed at the hub is refused, and what is whole stays", async (t) => {
  const rig = await startRig(t, await scratch());
  await rig.upload(one);
  const { streams } = await jetstreamManager(rig.fleet);
  const head = parseHead(
    (await streams.getMessage(otaStream, { last_by_subj: `ota.index.${one.info.sha256}` }))!.data,
  );
  const pieces = await Promise.all(
    head.body.map(async ([name]) =>
      (await streams.getMessage(otaStream, { last_by_subj: `ota.chunk.${name}` }))!.data.subarray(1),
    ),
  );
  const { chunks } = decodeIndex(one.info, Buffer.concat(pieces));
  const victim = `ota.chunk.${chunks[chunks.length >> 1]!.name}`;
  const good = (await streams.getMessage(otaStream, { last_by_subj: victim }))!.data;
  const bad = Buffer.from(good);
  bad[100]! ^= 1;
  await jetstream(rig.fleet).publish(victim, bad);
  let done = 0;
  const onProgress = ({ doneBytes }: { doneBytes: number }): void => {
    done = doneBytes;
  };
  await assert.rejects(rig.fetch(one, { onProgress }), { code: "OTA_CHUNK_DAMAGED" });
  await jetstream(rig.fleet).publish(victim, good);
  rig.asked.clear();
  await same(await rig.fetch(one, { onProgress }), one);
  assert.ok(done === one.info.bytes);
  assert.ok(chunksAsked(rig).length < chunks.length * 0.7, "what had come was not asked for again");
});

test("an index that leads to another file is not believed, and nothing gets the bundle's name", async (t) => {
  const rig = await startRig(t, await scratch());
  await rig.upload(one);
  await rig.upload(two);
  const { streams } = await jetstreamManager(rig.fleet);
  const head = JSON.parse(
    Buffer.from(
      (await streams.getMessage(otaStream, { last_by_subj: `ota.index.${two.info.sha256}` }))!.data,
    ).toString(),
  );
  // Somebody at the hub says that two's chunks are a bundle of another checksum.
  const info = { ...two.info, sha256: "0".repeat(64) };
  await jetstream(rig.fleet).publish(`ota.index.${info.sha256}`, JSON.stringify({ ...head, bundle: info }));
  await assert.rejects(rig.fetch({ ...two, info }), { code: "UPDATE_DAMAGED" });
  assert.deepEqual(await readdir(join(rig.dir, "incoming")), []);
});

test("a bundle that the hub does not have is said so", async (t) => {
  const rig = await startRig(t, await scratch());
  await rig.upload(one);
  await assert.rejects(rig.fetch(two), { code: "UPDATE_NOT_AT_HUB" });
});

test("a damaged part costs its chunk, and a damaged seed what could have been taken from it", async (t) => {
  const rig = await startRig(t, await scratch());
  await rig.upload(one);
  const ended = new AbortController();
  const onProgress = ({ doneBytes }: { doneBytes: number }): void => {
    if (doneBytes > 2_500_000) ended.abort(new Error("enough"));
  };
  await assert.rejects(rig.fetch(one, { signal: ended.signal, onProgress }), /enough/);
  const part = join(rig.dir, "incoming", `${one.info.sha256}.part`);
  const bytes = await readFile(part);
  bytes[1_000_000]! ^= 1;
  await writeFile(part, bytes);
  const before = new Map(rig.asked);
  await same(await rig.fetch(one), one);
  const again = [...rig.asked].filter(
    ([subject, count]) => subject.includes(".chunk.") && before.has(subject) && count > before.get(subject)!,
  );
  assert.ok(again.length >= 1 && again.length <= 18, `${again.length} asked for again`);

  await rig.upload(two);
  const seed = await readFile(one.rootImage);
  for (let at = 100_000; at < seed.length; at += 1_000_000) seed[at]! ^= 1;
  const seedPath = join(rig.dir, "seed");
  await writeFile(seedPath, seed);
  rig.asked.clear();
  await same(await rig.fetch(two, { seeds: [seedPath, one.bootImage] }), two);
  assert.ok(chunksAsked(rig).length < 120, `${chunksAsked(rig).length} chunks`);
});

test("a node can read chunks and indexes, and write or remove none", async (t) => {
  const rig = await startRig(t, await scratch());
  await rig.upload(one);
  const linked = Promise.withResolvers<void>();
  rig.bus.onLeafChange((connected) => connected && linked.resolve());
  if ((await rig.bus.leafState()).connected) linked.resolve();
  await linked.promise;
  const { streams } = await jetstreamManager(rig.fleet);
  const before = (await streams.info(otaStream)).state;
  const index = `index.${one.info.sha256}`;
  assert.ok((await rig.link.request(`hub.ota.${index}`)).data.length > 0);
  for (const subject of [
    `ota.${index}`,
    `ota.chunk.${"0".repeat(32)}`,
    "ota-lock",
    `$JS.API.STREAM.PURGE.${otaStream}`,
    `$JS.API.DIRECT.GET.${otaStream}.ota-lock`,
  ]) {
    await assert.rejects(rig.link.request(subject, "forged", { timeout: 500 }), (error) => {
      assert.ok(error instanceof Error, subject);
      return true;
    });
  }
  // What a direct get does with a body is the hub's to say: it does not store it.
  await rig.link.request(`hub.ota.${index}`, "forged", { timeout: 2000 }).catch(() => undefined);
  const after = (await streams.info(otaStream)).state;
  assert.deepEqual([after.messages, after.last_seq], [before.messages, before.last_seq]);
});

test("an upload goes on where it was, is refused beside another, and prunes what nobody names", async (t) => {
  const rig = await startRig(t, await scratch());
  const first = await rig.upload(one);
  assert.equal((await rig.upload(one)).newChunks, 0);
  {
    await using lock = await lockOta(rig.fleet);
    await lock.renew();
    await assert.rejects(rig.upload(two), { code: "HUB_OTA_BUSY" });
  }
  const second = await rig.upload(two);
  assert.deepEqual(
    (await listBundles(rig.fleet)).map(({ info }) => info),
    [two.info, one.info],
  );
  const pruned = await pruneBundles(rig.fleet, ({ info }) => info.version === "1.0.0");
  assert.deepEqual(pruned.bundles, [one.info]);
  assert.ok(
    pruned.chunks > 0 && pruned.chunks < first.chunks - second.chunks + 60,
    `${pruned.chunks} removed`,
  );
  await same(await rig.fetch(two), two);
  assert.deepEqual((await pruneBundles(rig.fleet, () => true)).bundles, [two.info]);
  const { streams } = await jetstreamManager(rig.fleet);
  assert.equal((await streams.info(otaStream)).state.messages, 0);
});

test("a full hub says so, and a bundle that was not stored whole is not offered", async (t) => {
  const rig = await startRig(t, await scratch());
  await rig.upload(one);
  const { streams } = await jetstreamManager(rig.fleet);
  const { config, state } = await streams.info(otaStream);
  await streams.update(otaStream, { ...config, max_bytes: state.bytes + 100_000 });
  await assert.rejects(rig.upload(two), { code: "HUB_OTA_FULL" });
  assert.deepEqual((await listBundles(rig.fleet)).length, 1);
});

test("without room for it nothing is fetched, and the reserve is not touched", async (t) => {
  const rig = await startRig(t, await scratch());
  await rig.upload(one);
  await assert.rejects(rig.fetch(one, { reserveBytes: 2 ** 52 }), { code: "UPDATE_NO_SPACE" });
  assert.deepEqual(chunksAsked(rig), []);
  await assert.rejects(stat(join(rig.dir, "incoming", `${one.info.sha256}.part`)));
});
