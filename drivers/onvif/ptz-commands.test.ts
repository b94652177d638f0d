import assert from "node:assert/strict";
import { test } from "node:test";
import { type Bench, bench } from "./test-camera.ts";

async function mover(options: Record<string, unknown> = {}, simulated = {}): Promise<Bench> {
  const at = await bench(simulated, { ptz: { enabled: true, ...options }, events: { enabled: false } });
  await at.run.samples(({ name, value }) => name === "online" && value === true);
  return at;
}

test("absolute and relative moves reply where the camera stands, and tell it", async () => {
  await using at = await mover();
  assert.deepEqual(await at.run.command("ptz/absolute", { pan: 0.25, tilt: -0.5, zoom: 0.1, speed: 0.5 }), {
    pan: 0.25,
    tilt: -0.5,
    zoom: 0.1,
    moving: false,
  });
  assert.deepEqual(await at.run.command("ptz/relative", { pan: 0.25 }), {
    pan: 0.5,
    tilt: -0.5,
    zoom: 0.1,
    moving: false,
  });
  // The axis that is left out stays where it is.
  assert.deepEqual(await at.run.command("ptz/absolute", { tilt: 0 }), {
    pan: 0.5,
    tilt: 0,
    zoom: 0.1,
    moving: false,
  });
  const [pan] = await at.run.samples(({ name, value }) => name === "ptz/pan" && value === 0.5);
  assert.equal(pan?.lane, "telemetry");
});

test("presets are listed, and reached by token or name", async () => {
  await using at = await mover();
  assert.deepEqual(await at.run.command("ptz/presets"), [
    { token: "1", name: "gate" },
    { token: "2", name: "road <north>" },
  ]);
  assert.deepEqual(await at.run.command("ptz/preset", "road <north>"), {
    pan: -1,
    tilt: 0,
    zoom: 1,
    moving: false,
  });
  assert.deepEqual(await at.run.command("ptz/preset", "1"), { pan: 0.5, tilt: -0.5, zoom: 0, moving: false });
  await assert.rejects(at.run.command("ptz/preset", "moon") as Promise<unknown>, {
    code: "ONVIF_VALUE",
    message: /it has gate/,
  });
});

test("a continuous move stops after its time, also when the camera does not obey", async () => {
  await using at = await mover({}, { misbehaviour: { ignoresTimeout: true } });
  assert.deepEqual(await at.run.command("ptz/continuous", { pan: 0.3, timeoutMs: 60 }), {
    pan: 0.3,
    timeoutMs: 60,
  });
  assert.equal(at.camera.state.velocity.pan, 0.3);
  // The position is told after the stop.
  await at.run.samples(({ name }) => name === "ptz/pan");
  assert.equal(at.camera.state.velocity.pan, 0);
  assert.ok(at.camera.state.calls.includes("Stop"));
});

test("stop stops at once, and so does the end of the plugin", async () => {
  await using at = await mover({}, { misbehaviour: { ignoresTimeout: true } });
  await at.run.command("ptz/continuous", { zoom: 0.3 });
  await at.run.command("ptz/stop");
  assert.equal(at.camera.state.velocity.zoom, 0);
  await at.run.command("ptz/continuous", { tilt: -0.3 });
  assert.equal(at.camera.state.velocity.tilt, -0.3);
  await at.run.stop();
  assert.equal(at.camera.state.velocity.tilt, 0);
});

test("limits hold for places, distances, speed and time", async () => {
  await using at = await mover({ pan: [-0.5, 0.5], maxSpeed: 0.4, maxContinuousMs: 1000 });
  const refused = (point: string, value: unknown, message: RegExp, code = "ONVIF_LIMIT") =>
    assert.rejects(at.run.command(point, value) as Promise<unknown>, { code, message });
  await refused("ptz/absolute", { pan: 0.6 }, /pan 0\.6 is outside of -0\.5 to 0\.5/);
  await refused("ptz/absolute", { zoom: -0.1 }, /must be >= 0 at \/zoom/, "COMMAND_INVALID");
  await at.run.command("ptz/absolute", { pan: 0.4 });
  await refused("ptz/relative", { pan: 0.2 }, /pan 0\.6/);
  await refused("ptz/continuous", { pan: 0.5 }, /faster than 0\.4/);
  await refused("ptz/continuous", { pan: 0.1, timeoutMs: 2000 }, /<= 1000 at/, "COMMAND_INVALID");
  // At a border that is crossed, the move ends.
  at.camera.state.position.pan = 0.7;
  await at.run.command("ptz/continuous", { pan: 0.2, timeoutMs: 1000 });
  await at.run.samples(({ name, value }) => name === "ptz/pan" && value === 0.7);
  assert.equal(at.camera.state.velocity.pan, 0);
});

test("values that are no moves are refused by name", async () => {
  await using at = await mover();
  for (const [value, message] of [
    [undefined, /no value: must be a mapping/],
    [[], /must be a mapping/],
    [{}, /the key pan is missing/],
    [{ pan: "1" }, /must be a number at \/pan/],
    [{ roll: 1 }, /unknown key at \/roll/],
    [{ pan: 1, speed: 0 }, /at \/speed/],
  ] as const) {
    await assert.rejects(at.run.command("ptz/absolute", value) as Promise<unknown>, {
      code: "COMMAND_INVALID",
      message,
    });
  }
});

test("a camera is not moved where that is not enabled", async () => {
  await using at = await bench();
  await assert.rejects(at.run.command("ptz/absolute", { pan: 0 }) as Promise<unknown>, {
    code: "COMMAND_UNKNOWN",
  });
});
