/**
 * The worked example of `docs/drivers/http.md`: a weather station and the driver with the options of
 * `example.yaml`, on the test kit's host. `node drivers/http/example.ts` prints samples until it is interrupted.
 */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { type DriverRun, startDriver } from "../../runtime/plugin/testkit.ts";
import driver from "./driver.ts";
import { startWeatherStation, type WeatherStation } from "./weather-station.ts";

/** The port in `example.yaml`. */
const examplePort = 8099;

export interface Example extends AsyncDisposable {
  station: WeatherStation;
  run: DriverRun;
}

/** Starts both; a `port` of 0 takes any free one. @default port 8099, everyMs 2_000 */
export async function startExample({ port = examplePort, everyMs = 2_000 } = {}): Promise<Example> {
  const text = await readFile(new URL("./example.yaml", import.meta.url), "utf8");
  const token = "example-token";
  const station = await startWeatherStation({ port, everyMs, token });
  const { plugins } = parse(text.replaceAll(`http://127.0.0.1:${examplePort}`, station.url));
  const run = startDriver(driver, plugins.weather.options, { secrets: { "station-token": token } });
  return {
    station,
    run,
    async [Symbol.asyncDispose]() {
      await run[Symbol.asyncDispose]();
      await station[Symbol.asyncDispose]();
    },
  };
}

async function print(signal: AbortSignal): Promise<void> {
  await using example = await startExample();
  const stopped = once(signal, "abort");
  for (let shown = 0; ; shown += 1) {
    const next = example.run.samples(() => true, { count: shown + 1, timeoutMs: 60_000 });
    await Promise.race([next, stopped]);
    const sample = example.run.emitted[shown];
    if (signal.aborted || !sample) return;
    const { name, value, unit = "", timeMs = Date.now() } = sample;
    console.log(`${new Date(timeMs).toISOString()}  ${name} = ${value} ${unit}`.trimEnd());
  }
}

if (import.meta.main) {
  const interrupted = new AbortController();
  process.once("SIGINT", () => interrupted.abort());
  process.once("SIGTERM", () => interrupted.abort());
  await print(interrupted.signal);
}
