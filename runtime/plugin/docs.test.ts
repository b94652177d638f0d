import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { silentLog } from "../log.ts";
import { startTestNode, testClock, wideLimits } from "../test-node.ts";
import thermometer from "./fixtures/thermometer/driver.ts";
import { memoryServices } from "./memory-services.ts";
import { createSecrets } from "./secrets.ts";
import { supervisePlugin } from "./supervisor.ts";

const read = (path: string): Promise<string> => readFile(new URL(path, import.meta.url), "utf8");
const page = await read("../../docs/plugins.md");

for (const file of ["driver.ts", "driver.test.ts"]) {
  test(`the tutorial shows ${file} as it runs`, async () => {
    const text = await read(`fixtures/thermometer/${file}`);
    const shown = text.replaceAll(/"\.\.\/\.\.\/(sdk|testkit)\.ts"/g, '"../../runtime/plugin/$1.ts"');
    assert.ok(page.includes(`\`\`\`ts\n${shown}\`\`\``));
  });
}

test("the page tells every code that a driver's author may meet", async () => {
  const sources = ["emitter", "delivery", "sample-check", "commands", "run", "supervisor", "secrets", "host"];
  for (const source of sources) {
    for (const [, code] of (await read(`${source}.ts`)).matchAll(/UmecError\(\s*"([A-Z_]+)"/g)) {
      assert.ok(page.includes(`\`${code}\``), code);
    }
  }
});

test("the tutorial's driver runs on a node: samples, a command and the alarm that it brings", async () => {
  const path = await mkdtemp(join(tmpdir(), "thermal-"));
  await mkdir(join(path, "thermal_zone0"));
  await writeFile(join(path, "thermal_zone0", "temp"), "45250\n");
  await using node = await startTestNode({ plugins: ["board"] });
  await node.ingest("board");
  const alarmed = Promise.withResolvers<void>();
  const end = node.outbox.onAppended((rows) => {
    for (const row of rows) if (node.outbox.chain(row.chain).lane === "alarm") alarmed.resolve();
  });
  const options = { path, intervalMs: 10, alarmCelsius: 85 };
  const plugin = supervisePlugin({
    target: { name: "board", driver: "thermometer", required: true, limits: wideLimits, options },
    driver: thermometer,
    connect: () => node.connect("board"),
    clock: testClock,
    secrets: createSecrets({ dir: path }),
    services: memoryServices(),
    log: silentLog,
  });
  const running = Promise.withResolvers<void>();
  plugin.onChange(({ state }) => state === "running" && running.resolve());
  await running.promise;
  const api = await node.bus.connectApi();
  const send = (): Promise<unknown> =>
    api.request("umec.n1.board.command.alarm-limit", "40", { timeout: 5000 }).then((answer) => answer.json());
  assert.deepEqual(await send().catch(send), { limit: 40 });
  await alarmed.promise;
  const sample = { n: "thermal_zone0/temperature", u: "Cel", v: 45.25 };
  assert.deepEqual((await node.stored("alarm"))[0], sample);
  assert.deepEqual((await node.stored())[0], sample);
  assert.deepEqual(plugin.status().lastValues, { "thermal_zone0/temperature": 45.25 });
  end();
  await api.close();
  await plugin.stop();
  await rm(path, { recursive: true });
});
