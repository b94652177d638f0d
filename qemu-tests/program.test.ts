/** Newer scripts without a new system, on the board as it ships: the service's sandbox, the slot's keyring, its addons. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeProgramArtifact } from "../bundle/program-artifact.ts";
import { signer } from "../bundle/program-sign.ts";
import { runTool } from "../bundle/run-tool.ts";
import { buildScripts } from "../bundle/scripts.ts";
import type { NodeStatus } from "../runtime/status.ts";
import { Board, Hub } from "./kit/index.ts";
import { serveFile } from "./kit/ota-bundle.ts";
import { fastest, onEachBoard } from "./machines.ts";

const asUmec = "setpriv --reuid=umec --regid=umec --clear-groups";
const store = "/data/umec/program";

/** This tree's scripts as that version, signed by who signs for the clone's image; with something before them. */
async function program(dir: string, version: string, before?: string): Promise<string> {
  const pki = (await runTool(join(import.meta.dirname, "../image/ota/pki.sh"), [])).trim();
  const certificates = await readFile(join(pki, "signing.pem"), "utf8");
  const sign = signer(join(pki, "signing.key"), certificates);
  const { modules, operatorModules } = await buildScripts(undefined, version);
  const files = new Map([...modules].filter(([name]) => !operatorModules.has(name)));
  if (before !== undefined) files.set("umec.mjs", Buffer.from(before));
  const path = join(dir, `${version}.umecjs`);
  const builtAt = new Date(Date.now() - 60_000);
  await writeFile(path, await makeProgramArtifact({ version, builtAt, certificates, sign, files }));
  return path;
}

onEachBoard(
  "newer scripts run without a restart of the machine or the service, and bad ones give way to what was before",
  async (machine) => {
    await using undo = new AsyncDisposableStack();
    const dir = await mkdtemp(join(tmpdir(), "umec-program-"));
    undo.defer(() => rm(dir, { recursive: true, force: true }));
    const good = await program(dir, "90.0.0");
    const bad = await program(dir, "90.0.1", 'throw new TypeError("no such thing");\n');
    await using hub = await Hub.start({ nodes: ["lamp-0042"] });
    const limits = { memoryBytes: "32MiB", cpuPercent: 50, devices: [] };
    const tick = { exec: ["/bin/sh", "-c", "while sleep 1; do echo tick; done"], required: false, ...limits };
    const target = { plugins: { board: { driver: "system", options: { intervalMs: 1000 } }, tick } };
    await using board = await Board.boot({ machine, hub, node: "lamp-0042", target, debugShell: true });
    const sh = async (command: string) => (await board.sh(command, { timeoutMs: 120_000 })).output;
    const install = async (path: string) => {
      await using served = await serveFile(board.network, path);
      await sh(`${asUmec} wget -q -O /data/umec/p.umecjs ${served.url}`);
      return sh(`${asUmec} env UMEC_PROGRAM_DIR=${store} umec program-install /data/umec/p.umecjs`);
    };
    /** What runs once nothing is on trial. */
    const settled = async (): Promise<unknown> => {
      const path = `${store}/current.json`;
      return JSON.parse(await sh(`while grep -q trial ${path}; do sleep 0.2; done; cat ${path}`)).current;
    };
    const process = () => sh("systemctl show umec.service -P MainPID -P NRestarts");
    /** The first process in the control group of the plugin that is a program. */
    const ticking = async () => {
      // Its output is heard: a line in the journal that comes from now on.
      await sh("journalctl -u umec.service -n 0 -f | grep -q -m 1 tick");
      const group = "/sys/fs/cgroup/system.slice/umec.service/plugin-tick";
      return Number(await sh(`sort -n ${group}/cgroup.procs | head -n 1`));
    };
    const rights = () => sh('grep CapEff /proc/"$(systemctl show umec.service -P MainPID)"/status');
    const sampled = async () => {
      const from = Date.now();
      const where = ({ timeMs }: { timeMs: number }) => timeMs > from;
      await hub.sample({ node: "lamp-0042", plugin: "board", where, timeoutMs: 240_000 });
    };

    await sampled();
    const [before, could, ticks] = [await process(), await rights(), await ticking()];
    assert.match(await install(good), /90\.0\.0 is on trial/);
    assert.deepEqual(await settled(), { place: "a", version: "90.0.0" });
    await sampled();
    assert.equal(await process(), before);
    assert.equal(await rights(), could);
    assert.equal(await ticking(), ticks);
    const { version, plugins }: NodeStatus = JSON.parse(
      await sh(`${asUmec} umec status /data/umec/node.yaml --json`),
    );
    const pid = plugins.find(({ name }) => name === "tick")?.process?.pid;
    assert.deepEqual([version, pid], ["90.0.0", ticks]);

    assert.match(await install(bad), /90\.0\.1 is on trial/);
    assert.deepEqual(await settled(), { place: "a", version: "90.0.0" });
    await sampled();
    assert.equal(await process(), before);
    assert.equal(await ticking(), ticks);
    const told = await hub.sample({
      ...{ node: "lamp-0042", plugin: "update", lane: "alarm" },
      where: ({ value }) => /fell-back.*no such thing/.test(String(value)),
    });
    assert.match(String(told.value), /"from":"90\.0\.0","to":"90\.0\.1"/);
  },
  fastest,
);
