import assert from "node:assert/strict";
import { test } from "node:test";
import { drivers } from "../drivers.ts";
import { checkTarget } from "../target/check.ts";
import { nodeFile, nodeName, pointsOf } from "./node-file.ts";

const place = {
  dataPath: "/tmp/demo/node",
  hubUrl: "nats-leaf://127.0.0.1:7422",
  // It can be read: the check looks.
  credentialsPath: import.meta.filename,
};
const devices = { meterPort: 1502, vibrationPort: 1503, stationUrl: "http://127.0.0.1:8099" };

test("the file is one that a node takes without a finding", async () => {
  const { target, findings } = await checkTarget(nodeFile({ ...place, devices }), {
    path: "node.yaml",
    drivers,
  });
  assert.deepEqual(findings, []);
  assert.equal(target?.node, nodeName);
  assert.deepEqual(
    target?.plugins.map(({ name }) => name),
    ["meter", "vibration", "weather"],
  );
});

test("without devices the node has no plugins", async () => {
  const { target, findings } = await checkTarget(nodeFile(place), { path: "node.yaml", drivers });
  assert.deepEqual(findings, []);
  assert.deepEqual(target?.plugins, []);
});

test("every point that is shown is one that its plugin offers, with its unit", async () => {
  const { target } = await checkTarget(nodeFile({ ...place, devices }), { path: "node.yaml", drivers });
  for (const { name, driver, options } of target!.plugins) {
    const { manifest } = await drivers.load(driver);
    const offered = manifest.points(options);
    for (const { path, unit } of pointsOf(name)) {
      assert.equal(offered.find((point) => point.name === path)?.unit, unit, `${name} ${path}`);
    }
  }
});
