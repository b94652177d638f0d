/** Target states from a hub of three servers, one of which is lost. */
import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { jetstreamManager } from "@nats-io/jetstream";
import { provisionDocuments } from "../hub/documents.ts";
import { readTarget, setTargets } from "../hub/documents-target.ts";
import { issueTokens } from "../hub/tokens.ts";
import { documentStream, reportStream } from "../subjects.ts";
import { counting, giveToken, runNode } from "../test-enrolling.ts";
import { createScratch } from "../test-scratch.ts";
import { layout } from "./setup.ts";
import { connectAs, eventually, startService, startSites, until, writeLinkedNode } from "./test-site.ts";

const scratch = createScratch();

test("a node of a cluster takes a change over within a second, also when the server that led the documents is lost", async (t) => {
  const sites = await startSites(t, join(await scratch(), "hub"), 3);
  const { desk } = await startService(sites);
  const fleet = await connectAs(sites, "fleet");
  await eventually(() => provisionDocuments(fleet));
  const { streams } = await jetstreamManager(fleet);
  for (const stream of [documentStream, reportStream])
    assert.equal((await streams.info(stream)).config.num_replicas, 3, stream);

  const dir = join(await scratch(), "node");
  await mkdir(dir);
  const path = await writeLinkedNode(dir, sites.leafUrls, await readFile(layout.ca(sites.root), "utf8"));
  const node = await runNode(t, path, counting());
  const [token] = await issueTokens(desk, [{ node: "n1" }]);
  await giveToken(dir, token!);
  await node.until(({ link, enrolment }) => enrolment?.state === "enrolled" && link.sentSamples > 20);

  const set = (level: string, waitMs: number) =>
    setTargets(fleet, desk, ["n1"], { nodes: [], how: "set", text: `log: { level: ${level} }\n`, waitMs });
  const took: number[] = [];
  for (const level of ["warn", "error", "debug", "info", "warn"]) {
    const began = performance.now();
    assert.equal((await set(level, 20_000))[0]!.state, "taken");
    took.push(Math.round(performance.now() - began));
    assert.match(await readFile(path, "utf8"), new RegExp(`level: ${level}`));
  }
  t.diagnostic(`taken over after ${took.join(", ")} ms`);
  // One of five may meet a machine that is busy with something else.
  assert.ok(took.toSorted((a, b) => a - b)[3]! < 1000, `${took.join(", ")} ms`);

  // What is said meanwhile waits for the node at the others.
  const { leader } = (await streams.info(documentStream)).cluster!;
  for (const site of sites.setup.sites.filter(({ name }) => name === leader)) await sites.kill(site);
  await eventually(() => set("error", 0));
  await until(
    () => readTarget(fleet, "n1").catch(() => undefined),
    (found) => found?.report !== undefined && found.report.issuedAtMs === found.document?.issuedAtMs,
  );
  assert.match(await readFile(path, "utf8"), /level: error/);
});
