import assert from "node:assert/strict";
import { after, test } from "node:test";
import jpeg from "jpeg-js";
import { startForeignPeer } from "./fixtures/foreign-peer.ts";
import { lookAtStream, type StreamOptions } from "./stream.ts";
import { bench } from "./test-camera.ts";

const login = { user: "admin", password: "s3cret" };
const peer = await startForeignPeer(login);
after(() => peer[Symbol.asyncDispose]());

const options = (more: Partial<StreamOptions> = {}): StreamOptions => ({
  uri: peer.uri,
  host: "127.0.0.1",
  login: async () => login,
  timeoutMs: 8000,
  watchMs: 500,
  signal: new AbortController().signal,
  ...more,
});

test("GStreamer's stream answers to a digest, and its packets flow without a loss", async () => {
  const look = await lookAtStream(options());
  assert.deepEqual(
    look.media.map(({ kind, codec }) => [kind, codec]),
    [
      ["video", "JPEG"],
      ["audio", "PCMU"],
    ],
  );
  assert.ok(look.received > 5, `${look.received} packets`);
  assert.equal(look.lost, 0);
});

test("GStreamer refuses a wrong password", async () => {
  const wrong = async () => ({ ...login, password: "wrong" });
  await assert.rejects(lookAtStream(options({ login: wrong })), { code: "ONVIF_UNAUTHORIZED" });
});

test("a camera without a snapshot URI gives a still of its JPEG stream", async () => {
  await using at = await bench(
    { streamUri: peer.uri, misbehaviour: { noSnapshot: true } },
    { timeoutMs: 8000, stream: { intervalMs: 60_000, watchMs: 200 } },
  );
  await at.run.samples(({ name, value }) => name === "stream/online" && value === true);
  await at.run.command("snapshot");
  const [kept] = await at.run.kept(1);
  const { width, height, data } = jpeg.decode(kept?.body ?? new Uint8Array(), { useTArray: true });
  assert.deepEqual([width, height], [320, 240]);
  // SMPTE's bars: grey, yellow, cyan, green, magenta, red, blue; looked at in the middle of each, at a third of the height.
  const bars = [0, 1, 2, 3, 4, 5, 6].map((bar) => {
    const at = (80 * width + Math.round(((bar + 0.5) * width) / 7)) * 4;
    return [...data.subarray(at, at + 3)].map((value) => (value > 96 ? 1 : 0)).join("");
  });
  assert.deepEqual(bars, ["111", "110", "011", "010", "101", "100", "001"]);
  const names = new Set(at.run.emitted.map(({ name }) => name));
  for (const name of ["stream/answer", "stream/packets", "stream/lost", "stream/audio"])
    assert.ok(names.has(name), name);
});
