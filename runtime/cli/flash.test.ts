import assert from "node:assert/strict";
import { once } from "node:events";
import { createWriteStream, watch } from "node:fs";
import { copyFile, mkdir, open, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { before, suite, test } from "node:test";
import { createZstdCompress } from "node:zlib";
import { credentials } from "../commission/test-card.ts";
import { createScratch } from "../test-scratch.ts";
import { type CardImage, makeCardImage, readBootFile, writeChecksum } from "./test-card-image.ts";
import { startUmec, umec } from "./test-program.ts";

const scratch = createScratch();
const tableBytes = 32_768;
const config = {
  node: "lamp-0042",
  ssh: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPsQT4SO+SfajT41TBMkGPFan+5dyMJ4gUBDAQ8arBq me@desk"],
};

suite("umec flash, to a file", () => {
  let image: CardImage;
  let dir: string;
  let configFile: string;

  before(async () => {
    dir = await scratch();
    image = await makeCardImage(dir);
    configFile = join(dir, "my umec.json");
    await writeFile(configFile, JSON.stringify(config));
  });

  for (const end of ["", ".zst"]) {
    test(`writes x.img${end} sparse, with its configuration, and changes nothing else`, async () => {
      const card = join(await scratch(), "card");
      const { code, stdout, stderr } = await umec(["flash", image.path + end, card, "--config", configFile]);
      assert.equal(stderr, "");
      assert.equal(code, 0);
      assert.match(stdout, /written and read back in .*, for lamp-0042\n$/);
      const text = await readBootFile(card, "umec.json");
      assert.equal(text.length, 65_536);
      assert.deepEqual(JSON.parse(text), config);
      assert.equal(await readBootFile(card, "board.env"), "console=ttyS0\n");
      const [from, to] = await Promise.all([readFile(image.path), readFile(card)]);
      to.write(" ".repeat(65_536), to.indexOf(text), "latin1");
      assert.ok(from.equals(to), "the card differs from the image elsewhere too");
      assert.ok((await stat(card)).blocks * 512 < image.bytes / 2, "the file is not sparse");
    });
  }

  test("finds umec.json on FAT32 as well, and can write it alone, again and again", async () => {
    const large = await makeCardImage(await scratch(), 32);
    assert.equal((await umec(["flash", "--name", "lamp-1", large.path, "--yes"])).code, 0);
    const { code, stdout } = await umec(["flash", "--config", configFile, large.path, "--yes"]);
    assert.equal(code, 0);
    assert.match(stdout, /configuration written and read back/);
    assert.deepEqual(JSON.parse(await readBootFile(large.path, "umec.json")), config);
  });

  test("makes a configuration of options", async () => {
    const from = await scratch();
    await writeFile(join(from, "lamp.creds"), credentials);
    await writeFile(join(from, "key.pub"), `# mine\n${config.ssh[0]}\n\n`);
    await writeFile(join(from, "node.yaml"), "node: another\noutbox: { quotaBytes: 64MiB }\n");
    const options =
      "--name lamp-7 --hub nats-leaf://10.0.2.2:7422 --creds lamp.creds --ssh-key key.pub --target node.yaml";
    const { code, stderr } = await umec(["flash", image.path, "card", ...options.split(" ")], { cwd: from });
    assert.equal(code, 0, stderr);
    assert.deepEqual(JSON.parse(await readBootFile(join(from, "card"), "umec.json")), {
      node: "lamp-7",
      hub: { urls: ["nats-leaf://10.0.2.2:7422"], credentials },
      target: { outbox: { quotaBytes: "64MiB" } },
      ssh: config.ssh,
    });
  });

  test("writes nothing when the configuration has errors", async () => {
    const from = await scratch();
    await writeFile(join(from, "umec.json"), '{ "node": "Lamp 42", "hubb": {} }');
    await writeFile(join(from, "card"), "mine");
    const { code, stderr } = await umec(["flash", image.path, "card", "--config", "umec.json", "--yes"], {
      cwd: from,
    });
    assert.equal(code, 3);
    assert.match(stderr, /umec\.json:1:11.*node/);
    assert.match(stderr, /hubb/);
    assert.equal(await readFile(join(from, "card"), "utf8"), "mine");
  });

  test("refuses before it writes what does not fit together, and says what to do", async () => {
    const from = await scratch();
    await mkdir(join(from, "folder"));
    await writeFile(join(from, "card"), "mine");
    const cases: [args: string[], code: number, words: RegExp][] = [
      [[image.path, "card"], 2, /no terminal to ask at\nhint: say --yes/],
      [[image.path], 2, /name an image and a disk/],
      [[image.path, image.path, "--yes"], 1, /is the image itself/],
      [[image.path, "folder", "--yes"], 1, /folder is a folder\nhint: /],
      [[image.path, "/dev/null", "--yes"], 1, /neither a disk nor a file\nhint: /],
      [[image.path, "/dev/umec-card-x", "--yes"], 1, /there is no disk \/dev\/umec-card-x\nhint: /],
      [["none.img", "card", "--yes"], 1, /none\.img is not there\nhint: /],
      [["--name", "lamp-1", "card", "--yes"], 1, /partition table|could not be read/],
      [[image.path, "card", "--config", configFile, "--name", "lamp-1"], 2, /--config is a whole/],
      [[image.path, "card", "--creds", configFile], 2, /no name for the node\nhint: /],
    ];
    for (const [args, wanted, words] of cases) {
      const { code, stderr } = await umec(["flash", ...args], { cwd: from });
      assert.match(stderr, words);
      assert.equal(code, wanted, stderr);
      assert.equal(await readFile(join(from, "card"), "utf8"), "mine", args.join(" "));
    }
  });

  test("writes nothing of an image whose checksum is wrong", async () => {
    const from = await scratch();
    const copy = join(from, "x.img");
    await copyFile(image.path, copy);
    await writeChecksum(copy, "0".repeat(64));
    await writeFile(join(from, "card"), "mine");
    const { code, stderr } = await umec(["flash", copy, "card", "--yes"], { cwd: from });
    assert.match(stderr, /is damaged: its SHA-256 is not the one that lies beside it/);
    assert.notEqual(code, 0);
    assert.equal(await readFile(join(from, "card"), "utf8"), "mine");
  });

  test("leaves a card without a table when a block differs from the block map", async () => {
    const from = await scratch();
    const copy = join(from, "x.img");
    await copyFile(image.path, copy);
    await copyFile(`${image.path}.bmap`, `${copy}.bmap`);
    const file = await open(copy, "r+");
    await file.write("!", image.bytes - 6 * 2 ** 20 + 1000);
    await file.close();
    await copyFile(image.path, join(from, "card"));
    const { code, stderr } = await umec(["flash", copy, "card", "--yes"], { cwd: from });
    assert.match(stderr, /no board starts from it/);
    assert.match(stderr, /is damaged/);
    assert.notEqual(code, 0);
    await assertNoTable(join(from, "card"));
  });

  test("refuses a block map that was cut short", async () => {
    const from = await scratch();
    const copy = join(from, "x.img");
    await copyFile(image.path, copy);
    const text = await readFile(`${image.path}.bmap`, "utf8");
    await writeFile(`${copy}.bmap`, text.replace(/\s*<Range[^\n]*\n(?=\s*<\/BlockMap>)/, "\n"));
    const { code, stderr } = await umec(["flash", copy, "card"], { cwd: from });
    assert.match(stderr, /block map .*x\.img\.bmap/);
    assert.equal(code, 1);
  });

  test("stops at SIGINT, and leaves a card that nothing starts from", async () => {
    const from = await scratch();
    const long = join(from, "long.img.zst");
    await writeLongImage(long, image.path);
    using folder = disposableWatch(from);
    const running = startUmec(["flash", long, "card"], { cwd: from });
    await folder.seen("card");
    running.process.kill("SIGINT");
    const { code, stderr } = await running.ended;
    assert.match(stderr, /no board starts from it: write it again/);
    assert.equal(code, 130);
    await assertNoTable(join(from, "card"));
  });
});

async function assertNoTable(card: string): Promise<void> {
  const file = await open(card, "r");
  const head = Buffer.alloc(tableBytes);
  await file.read(head, 0, tableBytes, 0).finally(() => file.close());
  assert.ok(
    head.every((byte) => byte === 0),
    "there is a partition table on the card",
  );
}

/** A card's image with so many zeros behind it that it takes seconds. */
async function writeLongImage(path: string, image: string): Promise<void> {
  const zeros = Buffer.alloc(16 * 2 ** 20);
  const first = await readFile(image);
  const count = 128;
  const compress = createZstdCompress({ pledgedSrcSize: first.length + count * zeros.length });
  const content = Readable.from([first, ...Array.from({ length: count }, () => zeros)]);
  await pipeline(content, compress, createWriteStream(path));
}

function disposableWatch(dir: string) {
  const watcher = watch(dir);
  return {
    async seen(name: string): Promise<void> {
      for (;;) {
        const [, file] = await once(watcher, "change");
        if (file === name) return;
      }
    },
    [Symbol.dispose]: () => watcher.close(),
  };
}
