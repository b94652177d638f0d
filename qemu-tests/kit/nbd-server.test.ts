import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { Blocks } from "./blocks.ts";
import { Console } from "./console.ts";
import { Disk } from "./disk.ts";
import { startNbdServer } from "./nbd-server.ts";
import { errno, option, optionReply, transmissionFlags } from "./nbd-wire.ts";
import { startRun } from "./run.ts";
import { createFolders, makeTestDisk } from "./test-disk.ts";
import { NbdClient } from "./test-nbd-client.ts";
import { WriteCache } from "./write-cache.ts";

const folder = createFolders();
const bytes = 64 * 1024;

async function serve() {
  const data = Buffer.alloc(bytes);
  const stable: Blocks = {
    bytes,
    read: async (offset, length) => Buffer.from(data.subarray(offset, offset + length)),
    write: async (offset, part) => data.set(part, offset),
  };
  const cache = new WriteCache(stable);
  const server = await startNbdServer(cache, join(await folder(), "nbd.sock"));
  return { data, cache, server, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

describe("the NBD server", { timeout: 120_000 }, () => {
  it("tells its size and what it can do, and knows no other options", async () => {
    await using disk = await serve();
    await using client = await NbdClient.connect(disk.server.path);
    const structuredReplies = 8;
    assert.deepEqual(await client.option(structuredReplies), [optionReply.unsupported]);
    assert.deepEqual(await client.option(option.list), [optionReply.server, optionReply.ack]);
    assert.deepEqual(await client.option(option.info, Buffer.alloc(2)), [optionReply.invalid]);
    await client.go();
    assert.equal(client.bytes, bytes);
    const { sendFlush, sendFua, sendTrim } = transmissionFlags;
    assert.equal(client.flags & (sendFlush | sendFua | sendTrim), sendFlush | sendFua | sendTrim);
  });

  it("holds a write until it is flushed, and a write with FUA not at all", async () => {
    await using disk = await serve();
    await using client = await NbdClient.connect(disk.server.path);
    await client.go();
    assert.equal(await client.write(0, Buffer.alloc(512, 1)), 0);
    assert.equal((await client.read(0, 1024)).readUInt8(511), 1);
    assert.equal(disk.data[0], 0);
    assert.equal(await client.write(512, Buffer.alloc(512, 2), { fua: true }), 0);
    assert.deepEqual([disk.data[0], disk.data[512]], [0, 2]);
    assert.equal(await client.flush(), 0);
    assert.deepEqual([disk.data[0], disk.data[512]], [1, 2]);
    assert.equal(await client.write(0, Buffer.alloc(512, 3)), 0);
    assert.equal(await client.trim(0, 512), 0);
    assert.equal(disk.cache.unflushedBytes, 0);
  });

  it("refuses what lies outside, and goes on", async () => {
    await using disk = await serve();
    await using client = await NbdClient.connect(disk.server.path);
    await client.go();
    assert.equal(await client.write(bytes - 512, Buffer.alloc(1024)), errno.noSpace);
    await assert.rejects(client.read(bytes, 512), new RegExp(`error ${errno.invalid}`));
    assert.equal(await client.trim(bytes, 512), errno.invalid);
    assert.equal((await client.read(0, 512)).length, 512);
  });

  it("has done all that was sent when a client vanished, and serves the next", async () => {
    await using disk = await serve();
    {
      await using client = await NbdClient.connect(disk.server.path);
      await client.go();
      await client.write(0, Buffer.alloc(512, 7));
      void client.flush().catch(() => undefined);
    }
    await disk.server.idle();
    await using next = await NbdClient.connect(disk.server.path);
    await next.go();
    assert.equal((await next.read(0, 1)).readUInt8(0), 7);
  });

  it("is a disk for a real QEMU: U-Boot reads a file from it and writes one", async () => {
    const dir = await folder();
    const content = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 11) & 255));
    const path = await makeTestDisk(dir, { boot: { "in.bin": content } });
    await using disk = await Disk.open({ path, dir, kind: "write-cache" });
    const console = new Console(join(dir, "console.log"));
    await using run = await startRun({
      dir,
      args: [
        ...["-M", "virt", "-cpu", "cortex-a53", "-m", "256M", "-accel", "tcg", "-nic", "none"],
        ...["-bios", "/usr/lib/u-boot/qemu_arm64/u-boot.bin", "-serial", "chardev:console"],
        ...["-drive", `if=none,id=disk,${disk.attach()}`, "-device", "virtio-blk-pci,drive=disk"],
      ],
      onConsole: (socket) => console.attach(socket),
    });
    await run.go();
    await console.expect("Hit any key", { timeoutMs: 60_000 });
    console.write("\n");
    await console.expect("=> ");
    console.write("virtio scan; load virtio 0:1 40200000 in.bin\n");
    await console.expect("300000 bytes read", { timeoutMs: 30_000 });
    console.write("fatwrite virtio 0:1 40200000 out.bin 493e0; reset\n");
    await console.expect("300000 bytes written", { timeoutMs: 30_000 });
    assert.equal((await run.ended).reason, "reset");
    // U-Boot does not know of the cache, so QEMU flushes each of its writes: nothing is lost by a cut right now.
    await disk.detach("cut");
    assert.deepEqual(await disk.readFile("boot", "out.bin"), content);
    assert.ok((await readFile(console.path, "utf8")).includes("300000 bytes written"));
    await console.close();
  });
});
