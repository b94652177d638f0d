/** `umec ota` as a program against a real hub, with a real bundle; the nodes' side is played by hand. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { provisionStream } from "../hub/stream.ts";
import { startTestServer, TestNode } from "../hub/test-hub.ts";
import { silentLog } from "../log.ts";
import { makeTestBundle } from "../ota/test-bundle.ts";
import type { UpdateReport } from "../update/types.ts";
import { formatReport } from "../update-wire.ts";
import { startUmec, umec } from "./test-program.ts";

test("a bundle is pushed, watched, stopped, resumed and removed", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "umec-ota-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const bundle = await makeTestBundle({
    dir,
    version: "1.4.0",
    root: { a: Buffer.alloc(9000, 7) },
    boot: Buffer.alloc(4096, 1),
  });
  await using server = await startTestServer();
  const { nc } = server;
  await provisionStream(nc, { log: silentLog });
  const rows = new Map<string, number>();
  const say = async (node: string, report: UpdateReport) => {
    const row = (rows.get(node) ?? 0) + 1;
    rows.set(node, row);
    const records = [
      { n: `${node}/update/${report.phase}`, vs: formatReport(report), t: 1_760_000_000 + row },
    ];
    await new TestNode(nc, node, "update", "alarm").live({ rows: [row, row], records });
  };
  for (const node of ["site-a-1", "site-a-2", "site-b-1"]) await say(node, { phase: "good", to: "1.3.2" });
  const url = ["--url", nc.getServer()];
  const ota = (command: string, ...rest: string[]) => umec(["ota", command, ...url, ...rest]);

  await using leading = startUmec(["ota", "lead", ...url]);
  assert.equal(await leading.firstLine(), "rollouts are led from here");
  const stored = await ota("push", bundle.path);
  assert.match(stored.stdout, /^1\.4\.0 for umec-virt: .*, of which .* are new at the hub$/m);
  assert.doesNotMatch(stored.stdout, /under way/);

  const nobody = await ota("push", bundle.path, "--to", "pump-*");
  assert.deepEqual([nobody.code, nobody.stdout.split("\n").length], [2, 2]);
  assert.match(nobody.stderr, /no node that the hub knows is called pump-\*/);
  const slash = await ota("push", bundle.path, "--to", "site-a/*");
  assert.deepEqual(slash.code, 2);
  assert.match(slash.stderr, /"site-a\/\*" is no pattern[\s\S]*'site-a-\*'/);
  assert.equal((await ota("push", bundle.path, "--to", "*", "--wave", "50%,200%")).code, 2);
  assert.equal((await ota("push", bundle.path, "--wait")).code, 2);

  await using pushing = startUmec([
    "ota",
    "push",
    ...url,
    bundle.path,
    "--to",
    "site-a-*",
    "--wave",
    "50%,100%",
    "--id",
    "r1",
    "--wait",
  ]);
  const changes = nc.subscribe("$KV.CAMPAIGNS.r1", { max: 1 });
  await nc.flush();
  let nodes: string[] = [];
  for await (const change of changes) nodes = change.json<{ nodes: string[] }>().nodes;
  assert.deepEqual([...nodes].sort(), ["site-a-1", "site-a-2"]);
  const [first, second] = nodes as [string, string];
  await say(first, { id: "r1", phase: "fell-back", from: "1.3.2", to: "1.4.0", reason: "a kernel panic" });
  const pushed = await pushing.ended;
  assert.deepEqual(
    [pushed.code, pushed.stderr],
    [1, `umec: r1 is stopped: ${first} fell back from 1.4.0 to 1.3.2: a kernel panic\n`],
  );
  assert.match(pushed.stdout, /^r1 is under way to 2 nodes: see umec ota status, umec ota stop r1$/m);

  const list = await ota("list");
  assert.match(
    list.stdout,
    /^r1: 1\.4\.0 to 2 nodes \(site-a-\*\): STOPPED in wave 1 of 2, 50 %; 0 good, 1 failed, 1 not told$/m,
  );
  const json = (await ota("status", "--json", "site-a-?")).stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    json.map(({ campaign, node, report }) => campaign?.id ?? [node, report.phase]),
    [
      "r1",
      ["site-a-1", "site-a-1" === first ? "fell-back" : "good"],
      ["site-a-2", "site-a-2" === first ? "fell-back" : "good"],
    ],
  );

  assert.equal((await ota("resume", "r1")).stdout, "r1 goes on, without 1 node that failed\n");
  const stop = await ota("stop", "r1", "--reason", "the release has a fault");
  assert.deepEqual([stop.code, stop.stdout], [0, "r1 is stopped\n"]);
  assert.match((await ota("status")).stdout, / stopped it: the release has a fault$/m);
  assert.equal((await ota("stop", "r1")).code, 1);
  assert.equal((await ota("stop", "r2")).code, 2);

  // A rollout that may go on keeps its bundle.
  assert.equal((await ota("prune", "--keep", "0")).stdout, "0 bundles and 0 chunks removed\n");
  assert.ok(second);
});
