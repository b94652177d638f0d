import assert from "node:assert/strict";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { silentLog } from "../log.ts";
import type { Host } from "../plugin/contract.ts";
import { createScratch } from "../test-scratch.ts";
import { processDriver } from "./driver.ts";

const scratch = createScratch();

test("a device that is plugged in anew costs its plugin a start; a stop in order is no failure", async () => {
  const dir = await scratch();
  const device = join(dir, "ttyUSB0");
  await writeFile(device, "");
  await writeFile(join(dir, "anew"), "");
  let starts = 0;
  const started = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const driver = processDriver({
    node: "n1",
    plugin: "p",
    process: { exec: ["/bin/sleep", "1000"], devices: [device] },
    runDir: join(dir, "run"),
    dir: join(dir, "own"),
    busUrl: "nats://127.0.0.1:1",
    credentials: async () => Buffer.from(""),
    // In place of systemd-run: the program alone, without limits.
    confiner: async () => ({
      kind: "systemd",
      command: ["/bin/sh", "-c", 'shift $(($# - 2)); exec "$@"', "sh"],
    }),
    onStart: () => started[starts++]?.resolve(),
    onAlive: () => {},
    graceMs: 1_000,
  });
  const ending = new AbortController();
  const run = () => driver.run({}, { log: silentLog } as Host, ending.signal);

  const first = run();
  await started[0]!.promise;
  await rename(join(dir, "anew"), device);
  await assert.rejects(Promise.resolve(first), {
    code: "PROCESS_DEVICE",
    message: /ttyUSB0 is another device/,
  });
  const second = run();
  await started[1]!.promise;
  ending.abort();
  await second;
});
