import assert from "node:assert/strict";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { drivers } from "../drivers.ts";
import { createScratch } from "../test-scratch.ts";
import { applyCard } from "./apply.ts";
import { cardFileBytes, markTaken, readCardFile } from "./card-file.ts";
import type { Card } from "./card-schema.ts";
import { checkCard } from "./check-card.ts";

const scratch = createScratch();
const credentials = "-----BEGIN NATS USER JWT-----\nabc\n------END NATS USER JWT------\n";
const full = {
  node: "lamp-0042",
  hub: { urls: ["nats-leaf://10.0.2.2:7422"], credentials },
  target: {
    outbox: { quotaBytes: "64MiB" },
    plugins: {
      meter: {
        driver: "modbus",
        options: { host: "10.0.0.7", units: { a: { unit: 1, registers: { power: { address: 0 } } } } },
      },
    },
  },
  ssh: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ me@desk"],
  network: { interface: "end0", address: "192.168.7.20/24", gateway: "192.168.7.1", dns: ["192.168.7.1"] },
};

async function checked(card: unknown) {
  return checkCard(JSON.stringify(card, null, 2), { path: "umec.json", drivers });
}

async function cardOf(value: unknown): Promise<Card> {
  const { card, findings } = await checked(value);
  assert.ok(card, JSON.stringify(findings));
  return card;
}

test("a card becomes the files of a node, secrets for their owner alone", async () => {
  const root = await scratch();
  await applyCard(await cardOf(full), root);
  const read = (path: string) => readFile(join(root, path), "utf8");
  assert.match(await read("data/umec/node.yaml"), /^node: lamp-0042$/m);
  assert.match(await read("data/umec/node.yaml"), /credentials: \.\/hub\.creds/);
  assert.equal(await read("data/umec/hub.creds"), credentials);
  assert.equal(await read("data/etc/hostname"), "lamp-0042\n");
  assert.equal(await read("data/ssh/authorized_keys"), `${full.ssh[0]}\n`);
  assert.match(
    await read("data/network/10-umec.network"),
    /Name=end0\n\n\[Network\]\nAddress=192\.168\.7\.20\/24\n/,
  );
  for (const path of ["data/umec/hub.creds", "data/umec/node.yaml", "data/ssh/authorized_keys"]) {
    assert.equal((await stat(join(root, path))).mode & 0o777, 0o600, path);
  }
});

test("a second card takes back what only the first one asked for, and leaves samples alone", async () => {
  const root = await scratch();
  await applyCard(await cardOf(full), root);
  await mkdir(join(root, "data/umec/data"));
  await writeFile(join(root, "data/umec/data/outbox.db"), "samples");
  const again = await cardOf({ node: "lamp-0043" });
  await applyCard(again, root);
  await applyCard(again, root);
  assert.deepEqual((await readdir(join(root, "data/umec"))).sort(), ["data", "node.yaml"]);
  assert.deepEqual(await readdir(join(root, "data/network")), []);
  assert.deepEqual(await readdir(join(root, "data/ssh")), []);
  assert.equal(await readFile(join(root, "data/umec/data/outbox.db"), "utf8"), "samples");
});

test("every error of a card has its place in umec.json, a secret never its value", async () => {
  const { card, findings } = await checked({
    ...full,
    hub: { urls: "http://hub", credentials: "my secret" },
    ssh: ["no key"],
    network: { address: "192.168.7.20" },
  });
  assert.equal(card, undefined);
  const found = findings.map(({ pointer, line }) => `${line} ${pointer}`);
  assert.deepEqual(found, ["4 /hub/urls", "5 /hub/credentials", "31 /ssh/0", "34 /network/address"]);
  assert.ok(!JSON.stringify(findings).includes("my secret"));
});

test("what only the target's own check finds is told of umec.json as well", async () => {
  const { findings } = await checked({ ...full, target: { plugins: { meter: { driver: "modbsu" } } } });
  const [error] = findings.filter(({ severity }) => severity === "error");
  assert.equal(error?.pointer, "/target/plugins/meter/driver");
  assert.equal(error?.line, 12);
  const missing = await checked({ node: "lamp-0042", hub: { urls: "tls://hub.example.org" } });
  assert.ok(
    missing.findings.some(({ pointer }) => pointer === "/hub/credentials"),
    JSON.stringify(missing),
  );
});

test("a card's file is blank, new, or taken over, and keeps its length", async () => {
  const path = join(await scratch(), "umec.json");
  await writeFile(path, Buffer.alloc(cardFileBytes, " "));
  assert.deepEqual(await readCardFile(path), { kind: "blank" });
  const text = JSON.stringify(full);
  await writeFile(path, text.padEnd(cardFileBytes, " "));
  assert.deepEqual(await readCardFile(path), { kind: "new", text });
  await markTaken(path, "lamp-0042");
  assert.deepEqual(await readCardFile(path), { kind: "taken", node: "lamp-0042" });
  assert.equal((await stat(path)).size, cardFileBytes);
  assert.ok(!(await readFile(path, "utf8")).includes("NATS USER"));
});
