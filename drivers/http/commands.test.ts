import assert from "node:assert/strict";
import { test } from "node:test";
import { isUmecError } from "../../runtime/plugin/sdk.ts";
import { startDriver } from "../../runtime/plugin/testkit.ts";
import { fillTemplate, mostCommands } from "./commands.ts";
import driver from "./driver.ts";
import { startWeatherStation } from "./weather-station.ts";

const still = { everyMs: Number.POSITIVE_INFINITY, token: "s3cret" };
const secrets = { secrets: { station: "s3cret" } };

function optionsFor(url: string, more: object = {}): object {
  return {
    requests: {
      station: {
        url: `${url}/v1/observation`,
        intervalMs: 60_000,
        auth: { kind: "bearer", token: { secret: "station" } },
        commands: {
          heater: { url: `${url}/v1/heater`, body: { on: "$value" } },
          unknown: { url: `${url}/v1/unknown`, method: "DELETE" },
        },
        ...more,
      },
    },
  };
}

const isHeater = ({ path }: { path: string }) => path === "/v1/heater";

test("a command is sent with the request's credentials and replies with status and JSON", async () => {
  await using station = await startWeatherStation(still);
  await using run = startDriver(driver, optionsFor(station.url), secrets);
  assert.deepEqual(await run.command("station/heater", true), { status: 200, body: { heater: true } });
  const seen = station.requests.find(isHeater);
  assert.deepEqual(
    [seen?.method, seen?.headers.authorization, seen?.headers["content-type"]],
    ["POST", "Bearer s3cret", "application/json"],
  );
});

test("the API's refusal is the reply, not an error", async () => {
  await using station = await startWeatherStation(still);
  await using run = startDriver(driver, optionsFor(station.url), secrets);
  assert.deepEqual(await run.command("station/heater", "warm"), {
    status: 422,
    body: { status: 422, title: "on must be true or false" },
  });
  assert.deepEqual(await run.command("station/unknown"), {
    status: 404,
    body: { status: 404, title: "no such resource" },
  });
});

test("a reply that is empty or no JSON has no body", async () => {
  await using station = await startWeatherStation(still);
  await using run = startDriver(driver, optionsFor(station.url), secrets);
  await run.samples(({ name }) => name === "station/online");
  station.misbehave({ kind: "status", status: 202 });
  assert.deepEqual(await run.command("station/heater", true), { status: 202, body: null });
  station.misbehave({ kind: "invalid-json" });
  assert.deepEqual(await run.command("station/heater", true), { status: 200, body: null });
});

test("a command without answer rejects, and replies are bounded like answers", async () => {
  await using station = await startWeatherStation(still);
  await using run = startDriver(
    driver,
    optionsFor(station.url, { timeoutMs: 300, maxBytes: 1_000 }),
    secrets,
  );
  await run.samples(({ name }) => name === "station/online");
  station.misbehave({ kind: "hang" });
  await assert.rejects(run.command("station/heater", true), { code: "HTTP_TIMEOUT" });
  station.misbehave({ kind: "huge", bytes: 100_000 });
  await assert.rejects(run.command("station/heater", true), { code: "HTTP_TOO_LARGE" });
});

test("a command without the value that its body needs is not sent", async () => {
  await using station = await startWeatherStation(still);
  await using run = startDriver(driver, optionsFor(station.url), secrets);
  await assert.rejects(run.command("station/heater"), {
    code: "HTTP_VALUE_MISSING",
    message: "station/heater needs a value and got none",
  });
  assert.equal(station.requests.filter(isHeater).length, 0);
});

test("more commands than run at a time are refused at once", async () => {
  await using station = await startWeatherStation(still);
  await using run = startDriver(driver, optionsFor(station.url), secrets);
  await run.samples(({ name }) => name === "station/online");
  for (let done = 0; done < mostCommands; done += 1) await run.command("station/heater", true);
  await run.command("station/heater").catch(() => {});
  station.misbehave({ kind: "hang" }, mostCommands);
  const running = Array.from({ length: mostCommands }, () => run.command("station/heater", true));
  const ended = Promise.allSettled(running);
  await assert.rejects(run.command("station/heater", true), { code: "HTTP_BUSY" });
  await run.stop();
  for (const result of await ended)
    assert.ok(result.status === "rejected" && isUmecError(result.reason, "STOPPED"));
});

test("the value takes its place anywhere in the template, as it is", () => {
  const template = { a: ["$value", "$values", { b: "$value" }], c: 1, d: null };
  const value = { deep: ["$value"] };
  assert.deepEqual(fillTemplate(template, { point: "p", value }), {
    a: [value, "$values", { b: value }],
    c: 1,
    d: null,
  });
  assert.deepEqual(fillTemplate({ a: "$value" }, { point: "p", value: null }), { a: null });
  assert.deepEqual(fillTemplate({ a: 1 }, { point: "p", value: undefined }), { a: 1 });
});
