import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { bootState } from "./bad-slot.ts";
import { createCounter } from "./counter.ts";
import { Board, Hub } from "./kit/index.ts";
import { otaBundle } from "./kit/ota-bundle.ts";
import { seededRandom } from "./kit/random.ts";
import { fastest } from "./machines.ts";

const node = "lamp-0042";
/** `npm run qemu:update` spreads 30 over as many updates as they take. */
const cuts = Number(process.env.UMEC_POWER_CUTS ?? 1);
/** There, and back to A. */
const legs = process.env.UMEC_ALL === "1" ? 2 : 1;
/** In this time a board comes up, and fetches or installs a part of an update; what was fetched stays over a cut. */
const longestMs = 90_000;
const slots = ["A", "B"] as const;
const umec = fileURLToPath(new URL("../node_modules/.bin/umec", import.meta.url));

for (const machine of fastest) {
  test(`umec ota push leads a node to the other slot over its link, whenever its power goes (${machine})`, {
    timeout: 900_000 + cuts * longestMs,
  }, async (t) => {
    const random = seededRandom(30);
    await using undo = new AsyncDisposableStack();
    const outDir = await mkdtemp(join(tmpdir(), "umec-rollout-"));
    undo.defer(() => rm(outDir, { recursive: true, force: true }));
    await using hub = await Hub.start({ nodes: [node] });
    const counter = createCounter(machine);
    const target = { plugins: counter.plugins, update: { rateBytesPerS: "32MiB" } };
    const devices = [counter.line];
    await using board = await Board.boot({ machine, hub, node, target, devices, cardBytes: 2 ** 30 });
    const ota = (...args: string[]) => runOta(hub, args);
    await board.console.expect("the booted slot is good", { timeoutMs: 240_000 });

    let left = cuts;
    let kept = 0;
    for (let update = 0; left > 0 || kept < legs; update++) {
      const before = left;
      const version = `90.${update}.0`;
      const bundle = await otaBundle({ machine, version, outDir });
      const pushed = ota("push", bundle, "--to", node, "--wait");
      const ended = pushed.then(() => true);
      while (left > 0 && !(await Promise.race([ended, delay(random() * longestMs, false)]))) {
        counter.cut();
        await board.powerCut();
        left -= 1;
        const { order, left: tries, good } = await bootState(board);
        const canStart = slots.some((slot) => order.includes(slot) && tries[slot] > 0 && good?.[slot]);
        assert.ok(canStart, "no good slot can be started");
        await board.powerOn();
      }
      const { code, text } = await pushed;
      t.diagnostic(`${version}, ${before - left} cuts: ${text.split("\n").at(-1)}`);
      if (code === 0) {
        kept += 1;
        const status = (await ota("status")).text;
        assert.match(status, new RegExp(`^${node} +\\S+ +${version.replaceAll(".", "\\.")} +good `, "m"));
      } else {
        // Cuts may take all tries of a system on trial: then the old one runs, and the hub knows it.
        assert.match(text, new RegExp(`is stopped: ${node} fell back from ${version} `));
        assert.notEqual(before, left, "it fell back, and nobody cut its power");
      }
    }
    const series = { node, plugin: "line", name: "counter/count" };
    const after = counter.count;
    await hub.sample({ ...series, where: ({ value }) => Number(value) > after, timeoutMs: 180_000 });
    await counter.verify(hub, series);
  });
}

async function runOta(hub: Hub, [command = "", ...args]: readonly string[]) {
  const at = ["--url", hub.clientUrl, "--creds", hub.fleetCredentials];
  return new Promise<{ code: number; text: string }>((resolve) => {
    execFile(umec, ["ota", command, ...at, ...args], (error, stdout, stderr) =>
      resolve({ code: error ? 1 : 0, text: `${stdout}${stderr}`.trim() }),
    );
  });
}
