import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { lstat, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { isUmecError } from "../errors.ts";
import { createScratch } from "../test-scratch.ts";
import { applyCard, nodeBefore } from "./apply.ts";
import { filesOf } from "./compose.ts";
import { ca, cardOf, credentials, full, token } from "./test-card.ts";

const scratch = createScratch();
const asRoot = process.getuid?.() === 0;

test("a card becomes the files of a node, secrets for their owner alone", async () => {
  const root = await scratch();
  await applyCard(await cardOf({ ...full, hub: { ...full.hub, ca } }), root);
  const read = (path: string) => readFile(join(root, path), "utf8");
  const target = await read("data/umec/node.yaml");
  assert.match(target, /^node: lamp-0042$/m);
  assert.match(target, /^ {2}reconnectMs: 1000$/m);
  assert.match(target, /- tls:\/\/hub-1\.example\.org:7422\n +- tls:\/\/hub-2\.example\.org\n/);
  assert.match(target, /credentials: \.\/hub\.creds\n +ca: \.\/hub-ca\.pem\n/);
  assert.equal(await read("data/umec/hub.creds"), credentials);
  assert.equal(await read("data/umec/hub-ca.pem"), ca);
  assert.equal(await read("data/umec/enrolment-token"), token);
  assert.equal(await read("data/etc/hostname"), "lamp-0042\n");
  assert.equal(await nodeBefore(root), "lamp-0042");
  assert.match(target, /^users:\n {2}owner:\n {4}level: owner\n {4}ssh:\n {6}- ssh-ed25519 /m);
  assert.equal(
    await read("data/network/10-umec.network"),
    "[Match]\nName=end0\n\n[Network]\nAddress=192.168.7.20/24\nGateway=192.168.7.1\n" +
      "DNS=192.168.7.1\nDNS=fd00::1\nNTP=ntp.example.org\n",
  );
  const modeOf = async (path: string) => (await stat(join(root, path))).mode & 0o777;
  for (const name of ["umec/hub.creds", "umec/enrolment-token", "umec/node.yaml"])
    assert.equal(await modeOf(`data/${name}`), 0o600, name);
  assert.equal(await modeOf("data/network/10-umec.network"), 0o644);
});

test("what is the node's belongs to its user, the rest to root", {
  skip: !asRoot && "only root gives files away",
}, async () => {
  const root = await scratch();
  await applyCard(await cardOf(full), root);
  for (const { path, text, owner } of filesOf(await cardOf(full))) {
    if (text === undefined) continue;
    const { uid, gid } = await stat(join(root, path));
    assert.deepEqual([uid, gid], owner === "umec" ? [900, 900] : [0, 0], path);
  }
  assert.equal((await stat(join(root, "data/umec"))).uid, 900);
});

test("a card without a network has DHCP for name servers of its own on whatever is plugged in", async () => {
  const root = await scratch();
  await applyCard(await cardOf({ node: "a", network: { dns: ["9.9.9.9"] } }), root);
  const text = await readFile(join(root, "data/network/10-umec.network"), "utf8");
  assert.equal(text, "[Match]\nType=ether\nKind=!*\n\n[Network]\nDHCP=yes\nDNS=9.9.9.9\n");
});

test("a second card takes back what only the first one asked for, and leaves samples alone", async () => {
  const root = await scratch();
  await applyCard(await cardOf(full), root);
  await mkdir(join(root, "data/umec/data"));
  await writeFile(join(root, "data/umec/data/outbox.db"), "samples");
  await mkdir(join(root, "data/ssh"));
  await writeFile(join(root, "data/ssh/host_ed25519"), "key");
  const again = await cardOf({ node: "lamp-0043" });
  await applyCard(again, root);
  await applyCard(again, root);
  assert.deepEqual((await readdir(join(root, "data/umec"))).sort(), ["data", "node.yaml"]);
  assert.deepEqual(await readdir(join(root, "data/network")), []);
  assert.deepEqual(await readdir(join(root, "data/ssh")), ["host_ed25519"]);
  assert.equal(await readFile(join(root, "data/umec/data/outbox.db"), "utf8"), "samples");
});

test("when a file can't be written nothing is changed, and no draft stays", async () => {
  const root = await scratch();
  await applyCard(await cardOf({ node: "old", hub: { urls: ["tls://old"], credentials } }), root);
  await writeFile(join(root, "data/network"), "in the way");
  const failing = applyCard(await cardOf(full), root);
  await assert.rejects(failing, (error) => isUmecError(error, "CARD_NOT_WRITTEN"));
  assert.match(await readFile(join(root, "data/umec/node.yaml"), "utf8"), /^node: old$/m);
  assert.equal(await nodeBefore(root), "old");
  assert.deepEqual((await readdir(join(root, "data/umec"))).sort(), ["hub.creds", "node.yaml"]);
  await rm(join(root, "data/network"));
  await applyCard(await cardOf(full), root);
  assert.equal(await nodeBefore(root), "lamp-0042");
});

test("links that the node's user has put in the way are replaced, not followed", async () => {
  const root = await scratch();
  const victim = join(root, "shadow");
  await writeFile(victim, "root's own");
  await mkdir(join(root, "data/umec"), { recursive: true });
  for (const name of ["hub.creds", "hub.creds.new", "node.yaml.new", "hub-ca.pem"])
    await symlink(victim, join(root, "data/umec", name));
  await applyCard(await cardOf(full), root);
  assert.equal(await readFile(victim, "utf8"), "root's own");
  assert.ok((await lstat(join(root, "data/umec/hub.creds"))).isFile());
  assert.equal(await readFile(join(root, "data/umec/hub.creds"), "utf8"), credentials);
});

/** Takes over one card after the other, and says when each is done. */
const alternate = `
  const { applyCard } = await import(process.argv[1]);
  const [root, ...cards] = process.argv.slice(2);
  for (let i = 0; ; i++) {
    await applyCard(JSON.parse(cards[i % cards.length]), root);
    console.log(i);
  }
`;

test("killed at any moment it leaves each file whole, old or new, and a second run completes it", async () => {
  const root = await scratch();
  const other = {
    node: "b",
    hub: { urls: ["tls://b.example.org"], credentials, ca },
    network: { dns: ["9.9.9.9"] },
  };
  const cards = [await cardOf(full), await cardOf(other)];
  const module = new URL("apply.ts", import.meta.url).href;
  const args = [module, root, ...cards.map((card) => JSON.stringify(card))];
  const texts = new Map(cards.flatMap(filesOf).map(({ path }) => [path, new Set<string | undefined>()]));
  for (const { path, text } of cards.flatMap(filesOf)) texts.get(path)!.add(text);
  for (const rounds of [1, 2, 3, 4, 5, 6]) {
    const child = spawn(process.execPath, ["--input-type=module", "-e", alternate, ...args], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = once(child, "close");
    let seen = 0;
    for await (const _ of createInterface({ input: child.stdout }))
      if (++seen === rounds) child.kill("SIGKILL");
    await ended;
    assert.ok(seen >= rounds);
    for (const [path, allowed] of texts) {
      const text = await readFile(join(root, path), "utf8").catch(() => undefined);
      assert.ok(allowed.has(text), `${path}: ${text}`);
    }
  }
  await applyCard(cards[1]!, root);
  for (const { path, text } of filesOf(cards[1]!))
    assert.equal(await readFile(join(root, path), "utf8").catch(() => undefined), text, path);
  for (const dir of ["umec", "network", "etc"])
    assert.ok(
      (await readdir(join(root, "data", dir))).every((name) => !name.endsWith(".new")),
      dir,
    );
});
