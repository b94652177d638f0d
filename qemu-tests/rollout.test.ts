import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Board, Hub } from "./kit/index.ts";
import { otaBundle } from "./kit/ota-bundle.ts";
import { fastest, onEachBoard } from "./machines.ts";

/** `npm run qemu:update` goes back to A too, which takes as long again. */
const versions = process.env.UMEC_ALL === "1" ? ["90.0.0", "90.1.0"] : ["90.0.0"];
const umec = fileURLToPath(new URL("../node_modules/.bin/umec", import.meta.url));

onEachBoard(
  "umec ota push leads a node over its link from one slot to the other",
  async (machine) => {
    await using undo = new AsyncDisposableStack();
    const outDir = await mkdtemp(join(tmpdir(), "umec-rollout-"));
    undo.defer(() => rm(outDir, { recursive: true, force: true }));
    await using hub = await Hub.start({ nodes: ["lamp-0042"] });
    const target = { plugins: {}, update: { rateBytesPerS: "32MiB" } };
    await using board = await Board.boot({ machine, hub, node: "lamp-0042", target, cardBytes: 2 ** 30 });
    const ota = async (command: string, ...args: string[]) => {
      const at = ["--url", hub.clientUrl, "--creds", hub.fleetCredentials];
      return (await promisify(execFile)(umec, ["ota", command, ...at, ...args], { timeout: 600_000 })).stdout;
    };
    await board.console.expect("the booted slot is good", { timeoutMs: 240_000 });
    let before = /./;
    for (const version of versions) {
      const bundle = await otaBundle({ machine, version, outDir });
      const rebooted = once(board, "reboot");
      const pushed = await ota("push", bundle, "--to", "lamp-*", "--wait");
      await rebooted;
      assert.match(pushed, /is done$/m);
      const status = await ota("status");
      assert.match(status, new RegExp(`^lamp-0042 +\\S+ +${version.replaceAll(".", "\\.")} +good `, "m"));
      assert.match(status, before);
      before = /^lamp-0042 +90\.0\.0 /m;
    }
  },
  fastest,
);
