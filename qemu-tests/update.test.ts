import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Board, Hub } from "./kit/index.ts";
import { otaBundle, serveFile } from "./kit/ota-bundle.ts";
import { fastest, onEachBoard } from "./machines.ts";

const incoming = "/data/umec/update/incoming";
const asUmec = "setpriv --reuid=umec --regid=umec --clear-groups";

/** rollout.test.ts goes the same way over the link; this one is told by `npm run qemu:update`. */
const boards = process.env.UMEC_ALL === "1" ? fastest : [];

onEachBoard(
  "a bundle that lies on /data leads from A to B and the next one back to A, and an older one is refused",
  async (machine) => {
    await using undo = new AsyncDisposableStack();
    const outDir = await mkdtemp(join(tmpdir(), "umec-ota-"));
    undo.defer(() => rm(outDir, { recursive: true, force: true }));
    const bundle = (version: string) => otaBundle({ machine, version, outDir });
    const [newer, newest] = [await bundle("90.0.0"), await bundle("90.1.0-rc.1")];
    await using hub = await Hub.start({ nodes: ["lamp-0042"] });
    // A system is kept when the hub has stored something of it.
    const target = { plugins: { board: { driver: "system", options: { intervalMs: 1000 } } } };
    const card = { machine, hub, node: "lamp-0042", target, cardBytes: 2 ** 30 };
    await using board = await Board.boot({ ...card, debugShell: true });
    const sh = async (command: string) => (await board.sh(command, { timeoutMs: 240_000 })).output;
    const good = () => board.console.expect("the booted slot is good", { timeoutMs: 240_000 });
    const versions = async (wanted: string) =>
      sh(
        `until grep -q '${wanted}' /run/umec-update/slots.json; do sleep 0.2; done; cat /run/umec-update/slots.json`,
      );

    const install = async (path: string) => {
      await using served = await serveFile(board.network, path);
      await sh(`${asUmec} mkdir -p ${incoming}; ${asUmec} wget -q -O ${incoming}/b.raucb ${served.url}`);
      const request = `{"id":"story","path":"${incoming}/b.raucb"}`;
      await sh(
        `rm -f /run/umec-update/state.json; echo '${request}' >/tmp/install; chmod 644 /tmp/install; ` +
          `${asUmec} sh -c 'cp /tmp/install /run/umec-control/new && mv /run/umec-control/new /run/umec-control/install'`,
      );
      return JSON.parse(
        await sh(
          "cd /run/umec-update; until grep -sE 'installed|refused|failed' state.json; do sleep 0.2; done",
        ),
      );
    };
    const restart = async () => {
      const rebooted = once(board, "reboot");
      board.console.write(`${asUmec} touch /run/umec-control/reboot\n`);
      await rebooted;
      await good();
    };

    await good();
    assert.deepEqual(await install(newer), { id: "story", state: "installed", percent: 100 });
    await restart();
    const b = { name: "B", booted: true, good: true, version: "90.0.0" };
    assert.deepEqual(JSON.parse(await versions('"booted":true,"good":true'))[1], b);
    assert.equal((await install(newest)).state, "installed");
    await restart();
    assert.deepEqual(JSON.parse(await versions('"booted":true,"good":true')), [
      { name: "A", booted: true, good: true, version: "90.1.0-rc.1" },
      { ...b, booted: false },
    ]);
    const { state, reason } = await install(newer);
    assert.deepEqual(
      [state, reason],
      ["refused", "Version mismatch: Expected at least '90.1.0-rc.1' but bundle manifest has '90.0.0'"],
    );
  },
  boards,
);
