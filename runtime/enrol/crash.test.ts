/** A node that is killed at each step that it takes on the disk while it enrols: it goes on where it was. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { HubServer } from "../hub/server.ts";
import { enrolAlone } from "../test-enrol-alone.ts";
import { startHub, tokenFor, writeNode } from "../test-enrolling.ts";
import { createScratch } from "../test-scratch.ts";

const scratch = createScratch();
const child = fileURLToPath(new URL("test-crash.ts", import.meta.url));

/** Enrols until that step; the steps that it took if it was done before. */
async function enrolUntil(
  path: string,
  node: string,
  hub: HubServer,
  step: number,
): Promise<number | undefined> {
  const args = ["--disable-warning=ExperimentalWarning", child, path, node, hub.leafUrl, String(step)];
  const running = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const [said, [code, signal]] = await Promise.all([text(running.stdout), once(running, "exit")]);
  if (signal === "SIGKILL") return undefined;
  assert.equal(code, 0);
  return Number(said);
}

test("killed at any step, a node enrols once, with the keys that it had, and becomes what the hub tells it", async (t) => {
  const dir = await scratch();
  const hub = await startHub(t, dir);
  const target = { outbox: { quotaBytes: "64MiB" } };
  for (let step = 1; ; step++) {
    const node = `n${step}`;
    const path = await writeNode(join(dir, node), hub.leafUrl, await tokenFor(hub, { node, target }));
    const whole = await enrolUntil(path, node, hub, step);
    const before = hub.desk.registry.nodes.get(node)?.keys;
    const link = await enrolAlone(path, node, hub.leafUrl);
    const { generation, keys } = hub.desk.registry.nodes.get(node)!;
    assert.deepEqual([generation, keys.link, before ?? keys], [1, link, keys], `step ${step}`);
    const claims = JSON.parse(await readFile(join(dir, node, "data/keys/hub.json"), "utf8"));
    assert.deepEqual([claims.link, claims.pending], [link, undefined], `step ${step}`);
    assert.match(await readFile(path, "utf8"), /^outbox:\n {2}quotaBytes: 64MiB$/m, `step ${step}`);
    await assert.rejects(stat(join(dir, node, "enrolment-token")), /ENOENT/, `step ${step}`);
    if (whole === undefined) continue;
    // The claims twice and the target once, each with its name, and the token's end: fewer would mean that not all is seen.
    assert.ok(step > 17, `${step - 1} steps`);
    t.diagnostic(`${step - 1} steps`);
    break;
  }
});
