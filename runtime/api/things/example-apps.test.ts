/** The applications of docs/apps, run as they are against a node in memory, over TLS and with tokens of the node. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash, generateKeyPairSync, randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { silentLog } from "../../log.ts";
import { createScratch } from "../../test-scratch.ts";
import { serveApi } from "../http/server.ts";
import { createTestApiNode } from "../test-api-node.ts";
import { makeCertificate } from "../tokens/make-certificate.ts";
import { createTokens } from "../tokens/tokens.ts";
import type { AppTarget } from "../types.ts";
import { createThings } from "./things.ts";

const scratch = createScratch();
const apps = join(import.meta.dirname, "../../../docs/apps");
const secret = "correct horse battery staple";

const frost: AppTarget = {
  name: "frost",
  appInstanceId: randomUUID(),
  secretSha256: createHash("sha256").update(secret).digest("hex"),
  scopes: ["things_read", "things_write"],
  read: ["weather/**", "lamp/dimmer/level", "camera/camera/frame"],
  write: ["lamp/dimmer/level"],
  bus: { publish: [], subscribe: [] },
  dnsRules: [],
  trafficRules: [],
};

async function startApi() {
  const dir = await scratch();
  const node = createTestApiNode();
  let url = "";
  const tokens = await createTokens({
    dir: join(dir, "keys"),
    issuer: () => url,
    apps: () => [frost],
    issuers: () => [],
    clock: { nowMs: Date.now, monotonicMs: () => performance.now(), known: () => true },
    log: silentLog,
  });
  const things = createThings({ node, log: silentLog });
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const cert = makeCertificate({
    name: "lamp-0042",
    hosts: ["127.0.0.1"],
    notAfterMs: Date.now() + 3_600_000,
    key: privateKey,
  });
  const certPath = join(dir, "node.crt");
  await writeFile(certPath, cert);
  const api = await serveApi({
    host: "127.0.0.1",
    port: 0,
    tls: { cert, key: privateKey.export({ format: "pem", type: "pkcs8" }).toString() },
    families: [tokens.family, things.family],
    authenticate: (request) => tokens.authenticate(request),
    log: silentLog,
  });
  url = api.url;
  after(async () => {
    things.stop();
    await api.stop();
    await tokens.stop();
  });
  return { node, url, certPath, dir };
}

/** Waits for lines of what an application prints. */
function linesOf(child: ChildProcess): { next(fits: RegExp): Promise<string> } {
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  let errors = "";
  child.stderr!.on("data", (chunk) => {
    errors += chunk;
  });
  return {
    async next(fits) {
      for (;;) {
        const { value, done } = await lines.next();
        if (done) assert.fail(`it ended without ${fits}: ${errors}`);
        if (fits.test(value)) return value;
      }
    },
  };
}

async function run(command: string, file: string): Promise<void> {
  const { node, url, certPath, dir } = await startApi();
  const temperature = (value: number) =>
    node.emit({ plugin: "weather", point: "station/temperature", value, unit: "Cel", timeMs: Date.now() });
  const picture = Uint8Array.of(0xff, 0xd8, 1, 0xff, 0xd9);
  node.onCommand(({ point, value }) => (point === "camera/frame" ? picture : value));
  temperature(5);
  const child = spawn(command, [join(apps, file)], {
    cwd: dir,
    env: {
      PATH: process.env.PATH,
      PYTHONUNBUFFERED: "1",
      UMEC_API: url,
      UMEC_APP: "frost",
      UMEC_SECRET: secret,
      UMEC_CA: certPath,
      NODE_EXTRA_CA_CERTS: certPath,
      UMEC_READINGS: "2",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  after(() => child.kill());
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const output = linesOf(child);
  assert.match(await output.next(/found/), /found weather: station\/temperature/);
  assert.match(await output.next(/found/), /found lamp: dimmer\/level/);
  assert.match(await output.next(/found/), /found camera: camera\/frame/);
  await output.next(/5(\.0)? °C: the lamp is at 20 %/);
  temperature(-1.5);
  await output.next(/-1\.5 °C: the lamp is at 100 %/);
  assert.equal(await ended, 0);
  const set = node.commands.filter(({ plugin }) => plugin === "lamp");
  assert.deepEqual(
    set.map(({ value, by }) => [value, by]),
    [
      [20, "app frost"],
      [100, "app frost"],
    ],
  );
  for (const level of [20, 100])
    assert.deepEqual(new Uint8Array(await readFile(join(dir, `lamp-${level}.jpg`))), picture);
}

test("the application in TypeScript finds, observes and switches", () => run(process.execPath, "lamp.ts"));

const hasPython = spawnSync("python3", ["-c", "import ssl"]).status === 0;
test(
  "the application in Python finds, observes and switches",
  { skip: !hasPython && "no python3 here" },
  () => run("python3", "lamp.py"),
);
