import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { readdir, readFile, stat, truncate, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { before, type TestContext, test } from "node:test";
import { silentLog } from "../../log.ts";
import { makeTestBundle, noise, type TestBundle } from "../../ota/test-bundle.ts";
import { createScratch } from "../../test-scratch.ts";
import { copyBundle } from "./from-file.ts";
import { fetchFromUrl, type UrlOptions } from "./from-url.ts";

const scratch = createScratch();
let bundle: TestBundle;
before(async () => {
  const dir = await scratch();
  bundle = await makeTestBundle({
    dir,
    version: "1.0.0",
    root: { "a.so": noise(2_000_000, 21) },
    boot: noise(300_000, 22),
  });
});

async function fetched(path: string): Promise<void> {
  assert.ok((await readFile(path)).equals(await readFile(bundle.path)));
  assert.deepEqual(await readdir(join(path, "..")), [`${bundle.info.sha256}.raucb`]);
}

interface Serving {
  url: string;
  /** `from` of each request. */
  asked: number[];
  sent: number;
}

/** Serves a file; each answer is cut after `cutAfter` bytes. */
async function serve(
  t: TestContext,
  path: string,
  {
    ranges = true,
    cutAfter = Number.POSITIVE_INFINITY,
    status,
  }: { ranges?: boolean; cutAfter?: number; status?: number } = {},
): Promise<Serving> {
  const serving: Serving = { url: "", asked: [], sent: 0 };
  const { size } = await stat(path);
  const server = createServer((request, response) => {
    const [, start] = (ranges && /^bytes=(\d+)-$/.exec(request.headers.range ?? "")) || [];
    const from = Number(start ?? 0);
    serving.asked.push(from);
    if (status !== undefined) return void response.writeHead(status).end();
    response.writeHead(start === undefined ? 200 : 206, {
      "content-length": size - from,
      ...(start !== undefined && { "content-range": `bytes ${from}-${size - 1}/${size}` }),
    });
    let left = cutAfter;
    const body = createReadStream(path, { start: from });
    body.on("data", (piece) => {
      const some = (piece as Buffer).subarray(0, left);
      left -= some.length;
      serving.sent += some.length;
      response.write(some, () => left === 0 && request.socket.destroy());
      if (left === 0) body.destroy();
    });
    body.on("end", () => response.end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  serving.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/bundle.raucb`;
  return serving;
}

async function fetchIt(url: string, dir: string, more: Partial<UrlOptions> = {}): Promise<string> {
  return fetchFromUrl({
    url,
    bundle: bundle.info,
    dir,
    rateBytesPerS: 1e9,
    reserveBytes: 0,
    log: silentLog,
    signal: new AbortController().signal,
    ...more,
  });
}

test("a bundle comes by HTTP, and goes on where it was cut", async (t) => {
  const { size } = await stat(bundle.path);
  const serving = await serve(t, bundle.path, { cutAfter: Math.ceil(size / 3) });
  await fetched(await fetchIt(serving.url, join(await scratch(), "in")));
  assert.ok(
    serving.asked.length >= 3 && serving.asked.slice(1).every((from) => from > 0),
    `${serving.asked}`,
  );
});

test("a server without ranges sends it from the start", async (t) => {
  const dir = join(await scratch(), "in");
  const cut = new AbortController();
  const first = await serve(t, bundle.path, { ranges: false });
  const onProgress = ({ doneBytes }: { doneBytes: number }): void => {
    if (doneBytes > 500_000) cut.abort(new Error("enough"));
  };
  await assert.rejects(fetchIt(first.url, dir, { signal: cut.signal, onProgress }), /enough/);
  await fetched(await fetchIt(first.url, dir));
  assert.equal(first.asked.length, 2);
});

test("another file at the address is thrown away, and said so", async (t) => {
  const dir = await scratch();
  const other = join(dir, "other");
  await writeFile(other, noise(bundle.info.bytes, 30));
  const serving = await serve(t, other);
  await assert.rejects(fetchIt(serving.url, join(dir, "in")), { code: "UPDATE_DAMAGED" });
  assert.deepEqual(await readdir(join(dir, "in")), []);
});

test("an address that has nothing is not asked for ever", async (t) => {
  const serving = await serve(t, bundle.path, { status: 404 });
  await assert.rejects(fetchIt(serving.url, join(await scratch(), "in")), { code: "UPDATE_URL_REFUSED" });
  assert.equal(serving.asked.length, 1);
});

test("a bundle is copied from a stick, and one that was cut off is not", async () => {
  const dir = await scratch();
  const copied = await copyBundle({
    from: bundle.path,
    dir: join(dir, "in"),
    reserveBytes: 0,
    signal: new AbortController().signal,
  });
  assert.deepEqual(copied.bundle, bundle.info);
  await fetched(copied.path);
  const cut = join(dir, "cut.raucb");
  await writeFile(cut, await readFile(bundle.path));
  await truncate(cut, bundle.info.bytes - 100);
  const options = { from: cut, dir: join(dir, "in"), signal: new AbortController().signal };
  await assert.rejects(copyBundle(options), { code: "OTA_NO_BUNDLE" });
});
