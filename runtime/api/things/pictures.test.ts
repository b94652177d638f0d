import assert from "node:assert/strict";
import { test } from "node:test";
import { UmecError } from "../../errors.ts";
import { appPrincipal } from "../http/test-api.ts";
import { problemOf, serveThings } from "./test-things.ts";

const path = "/things/camera/properties/camera.frame";
const jpeg = (number: number) => Uint8Array.of(0xff, 0xd8, number, 0xff, 0xd9);
const accept = (type: string) => ({ headers: { accept: type } });

test("a camera's frame is a picture, and needs no right to command", async () => {
  const { ask, node } = await serveThings({
    principals: [appPrincipal("tester", { scopes: new Set(["things_read"]), write: [] })],
  });
  node.onCommand(() => jpeg(1));
  const response = await ask(path);
  assert.equal(response.headers.get("content-type"), "image/jpeg");
  assert.deepEqual(await response.bytes(), jpeg(1));
  assert.deepEqual(node.commands[0], {
    plugin: "camera",
    point: "camera/frame",
    value: undefined,
    ttlMs: 5000,
    by: "app tester",
  });
});

test("without the right to read it there is no picture", async () => {
  const { ask, node } = await serveThings({ principals: [appPrincipal("tester", { read: ["lamp/**"] })] });
  assert.equal((await ask(path)).status, 403);
  assert.equal(node.commands.length, 0);
});

test("a camera that has none says so with its own code", async () => {
  const { ask, node } = await serveThings();
  node.onCommand(() => {
    throw new UmecError("V4L2_OFFLINE", "there is no camera");
  });
  for (const type of ["image/jpeg", "multipart/x-mixed-replace"]) {
    const response = await ask(path, accept(type));
    assert.equal(response.status, 409);
    assert.equal((await problemOf(response)).code, "V4L2_OFFLINE");
  }
});

test("frames that are no JPEG come as bytes, and never as a picture", async () => {
  const { ask, node } = await serveThings();
  node.onCommand(() => Uint8Array.of(1, 2, 3));
  const any = await ask(path);
  assert.equal(any.headers.get("content-type"), "application/octet-stream");
  assert.equal((await any.bytes()).length, 3);
  assert.equal((await ask(path, accept("image/jpeg"))).status, 406);
  assert.equal((await ask(path, accept("multipart/x-mixed-replace"))).status, 406);
  assert.equal((await ask(path, accept("multipart/x-mixed-replace, */*;q=0.1"))).status, 406);
});

test("a stream has each new picture once, whoever looks costs one command a frame", async () => {
  const { ask, node, things } = await serveThings({ framesPerS: 200 });
  let asked = 0;
  // Every second command finds the same frame as the one before.
  node.onCommand(() => jpeg(1 + (Math.floor(asked++ / 2) % 250)));
  const leave = new AbortController();
  const look = () => ask(path, { ...accept("multipart/x-mixed-replace"), signal: leave.signal });
  const one = await look();
  const two = await look();
  assert.equal(one.headers.get("content-type"), "multipart/x-mixed-replace; boundary=umec-frame");
  const seen = await Promise.all([one, two].map((response) => pictures(response, 20)));
  assert.deepEqual(
    seen[0],
    [...new Set(seen[0])].sort((a, b) => a - b),
  );
  // Who joins begins with the newest, which the loop may be about to send.
  assert.deepEqual(
    seen[1]!.slice(1),
    [...new Set(seen[1]!.slice(1))].sort((a, b) => a - b),
  );
  // Two to begin, and from then on one loop for both: some forty for twenty new frames, not eighty.
  assert.ok(asked < 70, `${asked} commands`);
  leave.abort();
  while (things.streams > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const before = asked;
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.ok(asked - before <= 1, "nobody looks, and nothing is asked for");
});

/** The first `count` pictures of a stream, each by its number. */
async function pictures(response: Response, count: number): Promise<number[]> {
  const numbers: number[] = [];
  let bytes = Buffer.alloc(0);
  for await (const chunk of response.body!) {
    bytes = Buffer.concat([bytes, chunk]);
    for (;;) {
      const head = bytes.indexOf("\r\n\r\n");
      if (head < 0) break;
      const text = bytes.subarray(0, head).toString();
      assert.match(text, /^(\r\n)?--umec-frame\r\ncontent-type: image\/jpeg\r\ncontent-length: 5$/);
      if (bytes.length < head + 4 + 5 + 2) break;
      numbers.push(bytes[head + 6]!);
      bytes = bytes.subarray(head + 4 + 5 + 2);
      if (numbers.length === count) return numbers;
    }
  }
  return numbers;
}
