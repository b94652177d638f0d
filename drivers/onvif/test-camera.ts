/** A simulated camera with the driver at it, for tests. */
import { type DriverRun, startDriver, type TestHostOptions } from "../../runtime/plugin/testkit.ts";
import { driver } from "./driver.ts";
import { type Simulator, type SimulatorOptions, startSimulator } from "./simulator.ts";

export interface Bench extends AsyncDisposable {
  camera: Simulator;
  run: DriverRun;
}

/** Options of a driver that is fast enough for tests, without a look at the stream. */
export function fastOptions({ host, port }: Pick<Simulator, "host" | "port">): Record<string, unknown> {
  return {
    host,
    port,
    user: "admin",
    password: { secret: "camera" },
    timeoutMs: 2000,
    retryMs: 20,
    checkMs: 100,
    events: { waitMs: 200 },
    stream: { intervalMs: 0 },
  };
}

export async function bench(
  simulated: SimulatorOptions = {},
  options: Record<string, unknown> = {},
  host: TestHostOptions = {},
): Promise<Bench> {
  const camera = await startSimulator(simulated);
  const run = startDriver(
    driver,
    { ...fastOptions(camera), ...options },
    { secrets: { camera: "s3cret" }, ...host },
  );
  return {
    camera,
    run,
    async [Symbol.asyncDispose]() {
      await run[Symbol.asyncDispose]();
      await camera[Symbol.asyncDispose]();
    },
  };
}

/** Until the driver waits for events. */
export async function pulling({ camera }: Bench): Promise<void> {
  while (camera.events.waiting === 0) await camera.events.changed();
}
