/** A node with a credentials file, and a hub that changes its CA: real servers, real certificates. */
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { handleDeskRequest } from "../hub/desk-requests.ts";
import { provisionDocuments, putDocument, readDocument } from "../hub/documents.ts";
import { createReader } from "../hub/reader.ts";
import { startHubServer } from "../hub/server.ts";
import { provisionStream } from "../hub/stream.ts";
import { silentLog } from "../log.ts";
import { findNatsServer } from "../nats/find-server.ts";
import { counting, runNode } from "../test-enrolling.ts";
import { createScratch } from "../test-scratch.ts";
import { provideCertificate } from "./rotate.ts";
import { until } from "./test-site.ts";

const scratch = createScratch();

test("a node with a credentials file is told of another CA before it meets it, and loses nothing over the change", async (t) => {
  const dir = await scratch();
  const { path: natsServerPath } = await findNatsServer();
  const tls = (await provideCertificate(dir, ["127.0.0.1"]))!;
  const hub = await startHubServer({
    dir,
    natsServerPath,
    nodes: ["n1"],
    tls,
    enrolment: {},
    log: silentLog,
  });
  t.after(() => hub.stop());
  const fleet = await hub.connectFleet();
  t.after(() => fleet.close());
  await provisionStream(fleet, { log: silentLog });
  await provisionDocuments(fleet);

  const nodeDir = join(await scratch(), "node");
  await mkdir(nodeDir);
  const [path, caPath] = [join(nodeDir, "node.yaml"), join(nodeDir, "ca.pem")];
  await writeFile(caPath, await readFile(tls.caFile));
  const credentials = JSON.stringify(hub.credentialsFile("n1"));
  const link = `link: { hub: "${hub.leafUrl}", ca: ./ca.pem, credentials: ${credentials}, reconnectMs: 150 }\n`;
  await writeFile(path, `node: n1\n${link}plugins:\n  p1: { driver: count }\n`);
  const { node, until: untilNode } = await runNode(t, path, counting());
  await untilNode(({ link: { sentSamples } }) => sentSamples > 20);

  const parts = {
    ...{ desk: hub.desk, named: () => hub.namedNodes, connectFleet: () => hub.connectFleet() },
    reloadCertificates: () => hub.reloadCertificates(),
  };
  const flow = async () => {
    const { link: now } = await node.status();
    await untilNode(({ link: { sentSamples } }) => sentSamples > now.sentSamples + 10);
  };
  const trusts = (count: number) =>
    until(
      async () => (await readFile(caPath, "utf8")).match(/BEGIN/g)?.length,
      (found) => found === count,
    );
  await handleDeskRequest(parts, "/certificate", { step: "prepare" });
  await trusts(2);
  const both = await readDocument(fleet, "n1", "ca");
  await flow();
  await handleDeskRequest(parts, "/certificate", { step: "use" });
  await flow();
  await handleDeskRequest(parts, "/certificate", { step: "finish" });
  await trusts(1);
  await flow();
  assert.equal(await readFile(caPath, "utf8"), await readFile(tls.caFile, "utf8"));

  // The old CA, shown again by somebody who may write in the fleet's account, does not come back.
  await putDocument(fleet, "n1", "ca", both!.body);
  await handleDeskRequest(parts, "/certificate", {});
  await flow();
  assert.equal((await readFile(caPath, "utf8")).match(/BEGIN/g)?.length, 1);

  await untilNode(({ outbox }) => outbox.waitingRows === 0);
  await node.stop();
  const samples = await Array.fromAsync(createReader(fleet).samples({ node: "n1", plugin: "p1" }));
  const values = samples.map(({ value }) => Number(value)).sort((a, b) => a - b);
  assert.deepEqual(
    values,
    values.map((_, n) => n),
    "lost, or twice",
  );
});
