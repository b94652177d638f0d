import assert from "node:assert/strict";
import { test } from "node:test";
import { Hearing } from "./hearing.ts";

const ofMeter = "umec.n1.meter.telemetry.line.voltage";

test("a subject is heard as long as a grant for it has not ended", () => {
  const hearing = new Hearing();
  assert.equal(hearing.isHeard(ofMeter, 0), false);
  hearing.add("a", ["umec.n1.meter.telemetry.>"], 100);
  hearing.add("b", ["umec.n1.*.telemetry.line.voltage"], 200);
  assert.equal(hearing.isHeard(ofMeter, 99), true);
  assert.equal(hearing.isHeard("umec.n1.meter.telemetry.case.open", 99), true);
  assert.equal(hearing.isHeard(ofMeter, 150), true, "b still hears it");
  assert.equal(hearing.isHeard("umec.n1.meter.telemetry.case.open", 150), false);
  hearing.remove("b");
  assert.equal(hearing.isHeard(ofMeter, 150), false);
});

test("a later grant of the same subjects is as long as the longer one", () => {
  const hearing = new Hearing();
  hearing.add("a", ["app.x.>", "app.y.>"], 200);
  hearing.add("a", ["app.y.>", "app.x.>"], 100);
  assert.equal(hearing.isHeard("app.x.1", 150), true);
  assert.equal(hearing.isHeard("app.x", 150), false, "> is one token or more");
  hearing.clear();
  assert.equal(hearing.isHeard("app.x.1", 150), false);
});

test("of too many grants of one application those that end first are forgotten", () => {
  const hearing = new Hearing();
  for (let n = 0; n < 100; n++) hearing.add("a", [`app.s${n}.>`], 1000 + n);
  assert.equal(hearing.isHeard("app.s0.x", 0), false);
  assert.equal(hearing.isHeard("app.s99.x", 0), true);
});
