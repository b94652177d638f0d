import assert from "node:assert/strict";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createScratch } from "../test-scratch.ts";
import { startUmec, umec } from "./test-program.ts";

const scratch = createScratch();
const hubUrl = ["--hub-url", "nats-leaf://10.0.2.2:7422"];

test("umec hub card prints a node's umec.json while the hub runs", async () => {
  const dir = await scratch();
  const data = join(dir, "hub");
  const listen = ["--listen", "127.0.0.1:0", "--leaf-listen", "127.0.0.1:0"];
  await using hub = startUmec(["hub", "--data", data, "--node", "lamp-0042", ...listen, "--json"]);
  const { credentials } = JSON.parse(await hub.firstLine());
  await writeFile(join(dir, "node.yaml"), "node: any\noutbox: { quotaBytes: 64MiB }\n");

  const printed = await umec(
    ["hub", "card", "lamp-0042", "--data", data, ...hubUrl, "--target", "node.yaml"],
    {
      cwd: dir,
    },
  );
  assert.equal(printed.code, 0, printed.stderr);
  assert.deepEqual(JSON.parse(printed.stdout), {
    node: "lamp-0042",
    hub: {
      urls: ["nats-leaf://10.0.2.2:7422"],
      credentials: await readFile(credentials["lamp-0042"], "utf8"),
    },
    target: { outbox: { quotaBytes: "64MiB" } },
  });

  const out = join(dir, "card.json");
  assert.equal((await umec(["hub", "card", "lamp-0042", "--data", data, ...hubUrl, "--out", out])).code, 0);
  assert.equal((await stat(out)).mode & 0o777, 0o600);
  assert.equal((await umec(["commission", out, "--check"])).code, 0);

  const unknown = await umec(["hub", "card", "lamp-0043", "--data", data, ...hubUrl]);
  assert.equal(unknown.code, 1);
  assert.equal(unknown.stdout, "");
  assert.match(
    unknown.stderr,
    /knows no node lamp-0043\nhint: give it a token .*, or start the hub with it: .*--node lamp-0043\n$/,
  );
});
