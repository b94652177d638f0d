/** Sealed secrets through a whole node: made by `umec seal`, opened for the plugin that names them, in nobody's files. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { before, type TestContext, test } from "node:test";
import { createNodeRecords } from "./hub/node-records.ts";
import { startHubServer } from "./hub/server.ts";
import { provisionStream } from "./hub/stream.ts";
import { seal } from "./identity/seal.ts";
import { silentLog } from "./log.ts";
import { findNatsServer } from "./nats/find-server.ts";
import { type RunningNode, startNode } from "./node.ts";
import { recordingLog } from "./plugin/testkit.ts";
import { newIdentity } from "./test-identity.ts";
import { createScratch } from "./test-scratch.ts";

const scratch = createScratch();
const umec = [
  process.execPath,
  "--disable-warning=ExperimentalWarning",
  new URL("./cli/umec.ts", import.meta.url).pathname,
];
let natsServerPath: string;
before(async () => {
  natsServerPath = (await findNatsServer()).path;
});

/** A device that answers who knows the user's password, and tells with which one somebody came. */
async function device(t: TestContext): Promise<{ url: string; came(password: string): Promise<void> }> {
  const passwords = new Set<string>();
  let changed = Promise.withResolvers<void>();
  const server = createServer((request, response) => {
    const [, basic = ""] = (request.headers.authorization ?? "").split(" ");
    passwords.add(Buffer.from(basic, "base64").toString("utf8").replace(/^u:/, ""));
    changed.resolve();
    changed = Promise.withResolvers();
    response.setHeader("content-type", "application/json").end('{"level":1}');
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async came(password) {
      while (!passwords.has(password)) await changed.promise;
    },
  };
}

const poller = (name: string, url: string, secret: string, more = "") => `  ${name}:
    driver: http
${more}    options:
      requests:
        d:
          url: ${url}
          intervalMs: 100
          maxBackoffMs: 200
          auth: { kind: basic, username: u, password: { secret: ${secret} } }
          points: { level: { pointer: /level } }
`;

async function run(
  args: readonly string[],
  input: string,
): Promise<{ status: number; out: string; err: string }> {
  const child = spawn(umec[0]!, [...umec.slice(1), ...args], { stdio: ["pipe", "pipe", "pipe"] });
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const ended = once(child, "close");
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { status: (await ended)[0], out, err };
}

async function filesIn(dir: string): Promise<Buffer> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return Buffer.concat(await Promise.all(files.map((file) => readFile(join(file.parentPath, file.name)))));
}

test("a secret that umec seal made reaches the plugin that names it, in the node and in a process, and no file", async (t) => {
  const dir = await scratch();
  const path = join(dir, "node.yaml");
  const told: string[] = [];
  const log = recordingLog(({ message }) => told.push(message));
  const { url, came } = await device(t);
  const head = "node: n1\ndata: ./data\n";
  await writeFile(path, `${head}plugins: {}\n`);
  const node: RunningNode = await startNode({
    path,
    natsServerPath,
    log,
    signal: new AbortController().signal,
    umec,
  });
  t.after(() => node.stop());

  const words = { near: "käse-7f3a91", far: "c0ffee-d00d" };
  const sealOf = async (name: string, value: string) => {
    const { status, out, err } = await run(["seal", name, "--data", join(dir, "data")], `${value}\n`);
    assert.equal(status, 0, err);
    return out.trim();
  };
  const [near, far] = [await sealOf("near", words.near), await sealOf("far", words.far)];
  const stranger = await seal(newIdentity().keys.seal, Buffer.from("x"), "strange");
  await writeFile(
    path,
    `${head}secrets:\n  near: ${near}\n  far: ${far}\n  strange: ${stranger}\n  renamed: ${near}\nplugins:\n` +
      poller("a", url, "near") +
      poller("b", url, "far", "    isolate: process\n") +
      poller("c", url, "strange") +
      poller("d", url, "renamed", "    isolate: process\n"),
  );
  await Promise.all([came(words.near), came(words.far)]);

  // Of another node, of another name: told by the plugin, and by no other.
  const said = (plugin: string, name: string) => () =>
    told.some((line) => new RegExp(`the sealed text of "${name}" can't be opened`).test(line)) && plugin;
  const deadline = performance.now() + 20_000;
  while (![said("c", "strange"), said("d", "renamed")].every((fits) => fits())) {
    assert.ok(performance.now() < deadline, told.join("\n"));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const status = await node.status();
  assert.equal(status.target.state, "reached");
  const shown = [told.join("\n"), JSON.stringify(status), (await filesIn(dir)).toString("latin1")];
  for (const word of Object.values(words))
    for (const text of shown)
      for (const form of [word, Buffer.from(word, "utf8").toString("latin1")])
        assert.ok(!text.includes(form));

  // A new password holds from the next use on, without a restart of the plugin.
  const { restarts } = status.plugins.find(({ name }) => name === "a")!;
  const next = await sealOf("near", "another");
  await writeFile(path, `${head}secrets:\n  near: ${next}\nplugins:\n${poller("a", url, "near")}`);
  await came("another");
  assert.equal((await node.status()).plugins.find(({ name }) => name === "a")!.restarts, restarts);
});

test("umec seal takes the key from the hub's record or the command line, and the secret from standard input alone", async (t) => {
  const dir = await scratch();
  const hub = await startHubServer({ dir: join(dir, "hub"), natsServerPath, nodes: ["n1"], log: silentLog });
  t.after(() => hub.stop());
  const fleet = await hub.connectFleet();
  t.after(() => fleet.close());
  await provisionStream(fleet, { log: silentLog });
  const [known, gone] = [newIdentity(), newIdentity()];
  const record = { version: 1 as const, enrolledAtMs: Date.now(), former: [] as [] };
  await createNodeRecords(fleet).put({ ...record, node: "n1", state: "enrolled", keys: known.keys });
  await createNodeRecords(fleet).put({ ...record, node: "n2", state: "revoked", keys: gone.keys });

  const address = ["--url", hub.clientUrl, "--creds", await hub.fleetCredentialsFile()];
  const open = async (sealed: string, name: string) =>
    Buffer.from(await known.unseal(sealed, name)).toString("utf8");
  const byHub = await run(["seal", "camera", "--node", "n1", ...address], "s3cret\r\n");
  assert.equal(await open(byHub.out, "camera"), "s3cret");
  const byKey = await run(["seal", "camera", "--key", known.keys.seal], "two\nlines\n");
  assert.equal(await open(byKey.out, "camera"), "two\nlines");
  await assert.rejects(open(byKey.out, "door"), { code: "SEALED_NOT_OURS" });

  const refused = async (args: string[], input: string | Buffer, because: RegExp) => {
    const { status, out, err } = await run(["seal", ...args], String(input));
    assert.notEqual(status, 0);
    assert.equal(out, "");
    assert.match(err, because);
  };
  await refused(["camera", "--node", "n2", ...address], "x", /n2 was revoked/);
  await refused(["camera", "--node", "n3", ...address], "x", /knows no keys of n3/);
  await refused(["camera", "--key", "abc"], "x", /is no key to seal to/);
  await refused(["camera", "--key", known.keys.seal], "\n", /no secret to seal/);
  await refused(["Camera", "--key", known.keys.seal], "x", /no name of a secret/);
  await refused(["camera", "s3cret", "--key", known.keys.seal], "", /too many arguments/);
});
