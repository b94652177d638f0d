import assert from "node:assert/strict";
import { test } from "node:test";
import { bench, pulling } from "./test-camera.ts";

const motion = (state: boolean) => ({
  topic: "tns1:RuleEngine/CellMotionDetector/Motion",
  source: { VideoSourceConfigurationToken: "v", Rule: "r" },
  data: { IsMotion: String(state) },
});

for (const auth of ["none", "digest-md5", "digest-sha256", "token"] as const) {
  test(`a camera with ${auth} comes online and tells what it is`, async () => {
    await using at = await bench({ auth });
    const { run } = at;
    const [online] = await run.samples(({ name }) => name === "online");
    assert.deepEqual(online, { name: "online", value: true, lane: "alarm" });
    const [maker] = await run.samples(({ name }) => name === "info/manufacturer");
    assert.equal(maker?.value, "Acme & Söhne");
    await pulling(at);
    at.camera.emit(motion(true));
    const [seen] = await run.samples(({ name }) => name === "motion");
    assert.deepEqual([seen?.value, seen?.lane], [true, "telemetry"]);
    assert.ok(at.camera.state.calls.includes("PullMessages"));
  });
}

test("a wrong password is told, and never shown", async () => {
  await using at = await bench({ auth: "digest-md5" }, {}, { secrets: { camera: "wrong" } });
  const [online] = await at.run.samples(({ name }) => name === "online");
  assert.equal(online?.value, false);
  await at.run.line(/is away: GetServices is refused/);
  assert.ok(!JSON.stringify(at.run.lines).includes("wrong"));
});

test("a camera whose clock is an hour off takes the token, and its events have our time", async () => {
  const clockMs = 3_600_000;
  await using at = await bench({ auth: "token", clockMs });
  const [offset] = await at.run.samples(({ name }) => name === "clock-offset");
  assert.ok(Math.abs(Number(offset?.value) - 3600) < 1.5, String(offset?.value));
  assert.equal(offset?.unit, "s");
  await pulling(at);
  at.camera.emit({ ...motion(true), utc: new Date(Date.now() + clockMs - 5000).toISOString() });
  const [seen] = await at.run.samples(({ name }) => name === "motion");
  const age = Date.now() - (seen?.timeMs ?? 0);
  assert.ok(age > 3500 && age < 8000, `${age} ms`);
});

test("inputs, tampering and what is configured", async () => {
  const points = {
    "doors/gate": {
      topics: ["tns1:Device/Trigger/DigitalInput"],
      source: { InputToken: "1" },
      type: "boolean",
      lane: "alarm",
    },
    input: { topics: ["Device/Trigger/DigitalInput"], by: "InputToken", type: "boolean" },
    people: { topics: ["acme:RuleEngine/Counter"], item: "Count" },
    plate: { topics: ["acme:Plate"], item: "Text", type: "text" },
  };
  await using at = await bench({}, { events: { waitMs: 200, points, others: true } });
  await pulling(at);
  at.camera.emit({
    topic: "tns1:Device/Trigger/DigitalInput",
    source: { InputToken: "1" },
    data: { LogicalState: "true" },
  });
  at.camera.emit({
    topic: "tns1:Device/Trigger/DigitalInput",
    source: { InputToken: "in 2" },
    data: { LogicalState: "maybe" },
  });
  at.camera.emit({ topic: "tns1:RuleEngine/acme:Counter", data: { Other: "x", Count: "12" } });
  at.camera.emit({ topic: "acme:Plate", data: { Text: "007" } });
  at.camera.emit({ topic: "acme:Else/Of", data: { Level: "-2.5", Word: "hi" } });
  await at.run.samples(({ name }) => name === "event/Else/Of/Word");
  const seen = Object.fromEntries(at.run.emitted.map(({ name, value, lane }) => [name, [value, lane]]));
  assert.deepEqual(seen["doors/gate"], [true, "alarm"]);
  assert.deepEqual(seen["input/1"], [true, "telemetry"]);
  assert.deepEqual(seen["input/in-2"], [null, "telemetry"]);
  assert.deepEqual(seen.people, [12, "telemetry"]);
  assert.deepEqual(seen.plate, ["007", "telemetry"]);
  assert.deepEqual(seen["event/Else/Of/Level"], [-2.5, "telemetry"]);
  assert.deepEqual(seen["event/Else/Of/Word"], ["hi", "telemetry"]);
});

test("while the camera is away its states are bad, and it tells them anew when it is back", async () => {
  await using at = await bench();
  await pulling(at);
  at.camera.emit(motion(true));
  await at.run.samples(({ name, value }) => name === "motion" && value === true);
  await at.camera.off();
  const [gone] = await at.run.samples(({ name, value }) => name === "online" && value === false);
  assert.equal(gone?.lane, "alarm");
  const [bad] = await at.run.samples(({ name, quality }) => name === "motion" && quality === "bad");
  assert.equal(bad?.value, null);
  assert.match(bad?.reason ?? "", /can't be reached \(ECONNREFUSED\)/);
  await at.camera.on();
  await at.run.samples(({ name, value }) => name === "online" && value === true, { count: 2 });
  // It was told to the new subscription, which asked for all states.
  await at.run.samples(({ name, value }) => name === "motion" && value === true, { count: 2 });
});

test("a subscription that the camera forgot is made anew", async () => {
  await using at = await bench();
  await pulling(at);
  at.camera.events.forget();
  await at.run.line(/events begin anew: PullMessages is refused/);
  await pulling(at);
  at.camera.emit(motion(true));
  await at.run.samples(({ name, value }) => name === "motion" && value === true);
  assert.ok(!at.run.emitted.some(({ name, value }) => name === "online" && value === false));
});

test("a subscription lives by renewals, and by pulls where the camera knows no Renew", async () => {
  for (const noRenew of [false, true]) {
    await using at = await bench({ misbehaviour: { noRenew } }, { events: { waitMs: 100, lifeMs: 1000 } });
    await pulling(at);
    const { calls } = at.camera.state;
    const times = (name: string): number => calls.filter((call) => call === name).length;
    // 14 pulls of 100 ms are longer than its life.
    while (times("PullMessages") < 14) await at.camera.events.changed();
    assert.ok(!at.run.lines.some(({ message }) => message.includes("begin anew")));
    assert.ok(times("Renew") >= 1);
    assert.equal(times("CreatePullPointSubscription"), 1);
  }
});

test("the end of the plugin ends the subscription", async () => {
  await using at = await bench();
  await pulling(at);
  const gone = at.camera.events.changed();
  await at.run.stop();
  await gone;
  assert.equal(at.camera.events.open, 0);
});

test("old cameras: no GetServices, no Media2, SOAP 1.1, strange prefixes", async () => {
  const misbehaviours = [
    { noGetServices: true },
    { noMedia2: true },
    { soap11: true, noGetServices: true },
    { oddPrefixes: true },
    { contentType: "text/plain" },
  ];
  for (const misbehaviour of misbehaviours) {
    await using at = await bench({ misbehaviour });
    await at.run.samples(({ name, value }) => name === "online" && value === true);
    await pulling(at);
    at.camera.emit(motion(true));
    await at.run.samples(({ name }) => name === "motion");
  }
});

test("a camera without events is there all the same", async () => {
  await using at = await bench({ misbehaviour: { noEvents: true } });
  await at.run.samples(({ name, value }) => name === "online" && value === true);
  await at.run.line(/events begin anew: CreatePullPointSubscription is refused/);
  assert.ok(!at.run.emitted.some(({ name, value }) => name === "online" && value === false));
});

test("addresses that the camera gives are not followed to another host", async () => {
  await using at = await bench({ misbehaviour: { wrongAddress: "http://10.99.99.99:8080" } });
  await pulling(at);
  at.camera.emit(motion(true));
  await at.run.samples(({ name }) => name === "motion");
  assert.ok(await at.run.command("snapshot"));
});

test("a wrong port at the right host is tried, then the configured one is taken", async () => {
  await using at = await bench({ misbehaviour: { wrongAddress: "http://127.0.0.1:1" } });
  await pulling(at);
  await at.run.samples(({ name, value }) => name === "online" && value === true);
});
