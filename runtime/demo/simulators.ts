import { randomBytes } from "node:crypto";
import { startWeatherStation } from "../../drivers/http/weather-station.ts";
import { type SimulatedUnit, startSimulator } from "../../drivers/modbus/simulator.ts";
import { runMeter, runPump } from "./machines.ts";

/** The devices of the demo: real servers on loopback. */
export interface Simulators extends AsyncDisposable {
  readonly meterPort: number;
  readonly vibrationPort: number;
  readonly stationUrl: string;
  /** That the station asks for. */
  readonly stationToken: string;
  /** From now on every device answers that it is busy, so that no new sample comes up. */
  fallSilent(): void;
}

/** Modbus exception 6, SERVER DEVICE BUSY: the device is there, and has no values to give. */
const busy = 6;

export async function startSimulators(): Promise<Simulators> {
  await using started = new AsyncDisposableStack();
  const meter = started.use(await startSimulator({ units: { 1: inputRegisters(runMeter()) } }));
  const vibration = started.use(await startSimulator({ units: { 1: inputRegisters(runPump()) } }));
  const stationToken = randomBytes(12).toString("hex");
  const station = started.use(await startWeatherStation({ token: stationToken, everyMs: 1_000 }));
  const kept = started.move();
  return {
    meterPort: meter.port,
    vibrationPort: vibration.port,
    stationUrl: station.url,
    stationToken,
    fallSilent() {
      for (const device of [meter, vibration]) device.script(() => ({ kind: "exception", code: busy }));
      station.misbehave({ kind: "status", status: 503 }, Number.POSITIVE_INFINITY);
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Input registers from 0 on. All that one request reads is of one moment, else a value of two could be torn. */
function inputRegisters(measure: () => readonly number[]): SimulatedUnit {
  let words: readonly number[] | undefined;
  return {
    read(table, address) {
      if (table !== "input") return undefined;
      if (!words) {
        words = measure();
        queueMicrotask(() => {
          words = undefined;
        });
      }
      return words[address];
    },
  };
}
