import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { cardSchema } from "../commission/card-schema.ts";
import { credentials } from "../commission/test-card.ts";
import { isUmecError } from "../errors.ts";
import { createScratch } from "../test-scratch.ts";
import { composeCard } from "./flash-card.ts";
import { umec } from "./test-program.ts";

const scratch = createScratch();
const docs = new URL("../../docs/commissioning.md", import.meta.url);
const program = fileURLToPath(new URL("umec.ts", import.meta.url));

test("docs/commissioning.md names every key of umec.json", async () => {
  const text = await readFile(docs, "utf8");
  const { hub, network, ...rest } = cardSchema.properties;
  const keys = [
    ...Object.keys(rest),
    ...Object.keys(hub.properties).map((key) => `hub.${key}`),
    ...Object.keys(network.properties).map((key) => `network.${key}`),
  ];
  assert.ok(keys.length > 10);
  for (const key of keys) assert.ok(text.includes(`\n| \`${key}\` |`), key);
});

test("the target's own name is taken where none is given, and what is missing is told", async () => {
  const dir = await scratch();
  const target = join(dir, "node.yaml");
  await writeFile(target, "node: lamp-9\nlog: { level: debug }\n");
  assert.deepEqual(JSON.parse(await composeCard({ target })), {
    node: "lamp-9",
    target: { log: { level: "debug" } },
  });
  await assert.rejects(composeCard({ hub: ["tls://hub:7422"] }), (error) => isUmecError(error, "CLI_USAGE"));
  await assert.rejects(composeCard({ name: "a", creds: target }), (error) => isUmecError(error, "CLI_USAGE"));
  const missing = { name: "a", sshKey: [join(dir, "none.pub")] };
  await assert.rejects(composeCard(missing), (error) => isUmecError(error, "CARD_UNREADABLE"));
});

test("a node.yaml that works at the desk brings its hub, with the texts of its files", async () => {
  const dir = await scratch();
  const target = join(dir, "node.yaml");
  await writeFile(join(dir, "a.creds"), credentials);
  const link = "link: { hub: tls://hub.example.org, credentials: ./a.creds, reconnectMs: 900 }";
  await writeFile(target, `node: lamp-9\ndata: ./data\n${link}\n`);
  const card = JSON.parse(await composeCard({ target }));
  assert.deepEqual(card, {
    node: "lamp-9",
    hub: { urls: "tls://hub.example.org", credentials },
    target: { link: { reconnectMs: 900 } },
  });
  const elsewhere = JSON.parse(await composeCard({ target, hub: ["tls://other.example.org"] }));
  assert.deepEqual(elsewhere.hub, { urls: ["tls://other.example.org"] });
});

test("a configuration that is larger than its place on a card is refused", async () => {
  const dir = await scratch();
  const plugins = Array.from({ length: 3000 }, (_, i) => `  p${i}: { driver: http }`).join("\n");
  await writeFile(join(dir, "node.yaml"), `node: a\nplugins:\n${plugins}\n`);
  const { code } = await umec(["flash", "--target", "node.yaml", "card", "--yes"], { cwd: dir });
  assert.equal(code, 3);
});

const answers: [keys: string, code: number, text: string][] = [
  ["yes\n", 0, "new "],
  ["y\n", 1, "old"],
  // End of input, and Ctrl-C.
  ["\x04", 1, "old"],
  ["\x03", 130, "old"],
];
for (const [keys, wanted, left] of answers) {
  test(`at a terminal it shows what is there, and asks: ${JSON.stringify(keys)} is status ${wanted}`, async (t) => {
    const dir = await scratch();
    await writeFile(join(dir, "card.img"), Buffer.alloc(65_536, "new "));
    await writeFile(join(dir, "card"), "old");
    const line = `'${process.execPath}' '${program}' flash card.img card`;
    const script = execFile("script", ["-qec", line, "/dev/null"], { cwd: dir });
    const ended = new Promise<number | null>((resolve, reject) => {
      script.on("error", reject).on("close", resolve);
    });
    let output = "";
    script.stdout?.on("data", (text: string) => {
      const asked = output.includes("Type yes");
      output += text;
      if (!asked && output.includes("Type yes")) script.stdin?.write(keys);
    });
    const code = await ended.catch((error: NodeJS.ErrnoException) => error.code);
    if (code === "ENOENT") return t.skip("there is no program `script` here");
    assert.match(output, /card {2}a file of 3 B\r?\nAll that is on it will be lost\. Type yes to go on: /);
    assert.equal(code, wanted, output);
    assert.equal((await readFile(join(dir, "card"), "utf8")).slice(0, 4), left);
  });
}
