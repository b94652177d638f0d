import assert from "node:assert/strict";
import { test } from "node:test";
import { bench } from "./test-camera.ts";

const there = ({ name, value }: { name: string; value: unknown }): boolean =>
  name === "online" && value === true;

test("a still on command becomes an object, and a sample names it", async () => {
  await using at = await bench({ auth: "digest-sha256" });
  await at.run.samples(there);
  const reply = (await at.run.command("snapshot")) as { object: string; bytes: number };
  const [kept] = await at.run.kept(1);
  assert.equal(kept?.name, reply.object);
  assert.match(reply.object, /^still\/\d{8}T\d{9}Z\.jpg$/);
  assert.equal(kept?.contentType, "image/jpeg");
  assert.deepEqual(Buffer.from(kept?.body ?? []), at.camera.state.still);
  const [named] = await at.run.samples(({ name }) => name === "still");
  assert.equal(named?.value, reply.object);
});

test("a frame is the picture itself, which is kept nowhere", async () => {
  await using at = await bench();
  await at.run.samples(there);
  assert.deepEqual(Buffer.from((await at.run.command("frame")) as Uint8Array), at.camera.state.still);
  assert.equal(at.run.objects.length, 0);
});

test("stills by schedule", async () => {
  await using at = await bench({}, { snapshot: { intervalMs: 20 } });
  const kept = await at.run.kept(3);
  assert.ok(new Set(kept.map(({ name }) => name)).size >= 3);
});

test("what is no whole picture is refused", async () => {
  await using at = await bench();
  await at.run.samples(there);
  at.camera.state.misbehaviour = { snapshot: "cut" };
  await assert.rejects(at.run.command("snapshot") as Promise<unknown>, {
    code: "ONVIF_JPEG",
    message: /cut off/,
  });
  at.camera.state.misbehaviour = { snapshot: "html" };
  await assert.rejects(at.run.command("snapshot") as Promise<unknown>, {
    code: "ONVIF_JPEG",
    message: /no JPEG/,
  });
  assert.equal(at.run.objects.length, 0);
});

test("a picture that is too large is cut off while it comes", async () => {
  await using at = await bench({ still: Buffer.alloc(5000, 0xff) }, { snapshot: { maxBytes: 2000 } });
  await at.run.samples(there);
  await assert.rejects(at.run.command("snapshot") as Promise<unknown>, { code: "ONVIF_TOO_LARGE" });
});

test("while the camera is away a still is refused with the reason", async () => {
  await using at = await bench({ misbehaviour: { answer: "html" } });
  await at.run.samples(({ name, value }) => name === "online" && value === false);
  await assert.rejects(at.run.command("snapshot") as Promise<unknown>, {
    code: "ONVIF_OFFLINE",
    message: /HTML/,
  });
});
