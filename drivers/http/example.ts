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

/** The ports in `example.yaml`: the station's, and that of the webhooks. */
const examplePort = 8099;
const webhookPort = 8098;
const token = "example-token";
const client = { clientId: "node", clientSecret: "example-client" };
/** What the station signs with. */
export const exampleKey = "example-key";

export interface Example extends AsyncDisposable {
  station: WeatherStation;
  run: DriverRun;
  /** Where the station posts gusts. */
  gustUrl: string;
}

/** Starts both; a `port` of 0 takes any free ones. @default port 8099, everyMs 2_000 */
export async function startExample({ port = examplePort, everyMs = 2_000 } = {}): Promise<Example> {
  const text = await readFile(new URL("./example.yaml", import.meta.url), "utf8");
  await using started = new AsyncDisposableStack();
  const station = started.use(await startWeatherStation({ port, everyMs, token, oauth: client }));
  const listen = port === 0 ? 0 : webhookPort;
  const { plugins } = parse(
    text
      .replaceAll(`http://127.0.0.1:${examplePort}`, station.url)
      .replaceAll(`port: ${webhookPort}`, `port: ${listen}`),
  );
  const options = plugins.weather.options;
  const run = started.use(
    startDriver(driver, options, {
      secrets: {
        "station-token": token,
        "station-client": client.clientSecret,
        "station-key": exampleKey,
      },
    }),
  );
  const { message } = await run.line(/webhooks are taken at/);
  const parts = started.move();
  return {
    station,
    run,
    gustUrl: `${message.replace(/^.* at /, "")}/gust`,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

async function print(signal: AbortSignal): Promise<void> {
  await using example = await startExample();
  const stopped = once(signal, "abort");
  const { station, gustUrl } = example;
  await station.push(gustUrl, { key: exampleKey });
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
