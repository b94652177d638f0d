/** The target file of the demo's node: the same that a user writes. */
import { rename, writeFile } from "node:fs/promises";
import { stringify } from "yaml";
import type { Simulators } from "./simulators.ts";

export const nodeName = "demo";
export const secretName = "station-token";

export interface NodeFileOptions {
  /** Where the node writes, and where its secrets lie. */
  dataPath: string;
  /** `nats-leaf://host:port` */
  hubUrl: string;
  credentialsPath: string;
  /** What the node's plugins talk to; without, it has none. */
  devices?: Pick<Simulators, "meterPort" | "vibrationPort" | "stationUrl">;
}

export function nodeFile({ dataPath, hubUrl, credentialsPath, devices }: NodeFileOptions): string {
  return stringify({
    node: nodeName,
    data: dataPath,
    // A short outage wants a quick return. In the field it is 5 s, to spare a hub with many nodes.
    link: { hub: hubUrl, credentials: credentialsPath, reconnectMs: 500 },
    // Node and hub read the same clock here, so there is nothing to wait for.
    clock: { trust: "always" },
    plugins: devices ? pluginsFor(devices) : {},
  });
}

/** The running node sees the old file or the new one, never a part of it. */
export async function writeNodeFile(path: string, options: NodeFileOptions): Promise<void> {
  await writeFile(`${path}.new`, nodeFile(options));
  await rename(`${path}.new`, path);
}

function pluginsFor(devices: NonNullable<NodeFileOptions["devices"]>) {
  return {
    meter: {
      driver: "modbus",
      options: {
        host: "127.0.0.1",
        port: devices.meterPort,
        units: {
          line: {
            unit: 1,
            intervalMs: 100,
            registers: {
              voltage: { table: "input", address: 0, scale: 0.1, unit: "V" },
              current: { table: "input", address: 1, scale: 0.01, unit: "A" },
              power: { table: "input", address: 2, unit: "W" },
              frequency: { table: "input", address: 3, scale: 0.01, unit: "Hz" },
              energy: { table: "input", address: 4, type: "uint32", unit: "Wh" },
            },
          },
        },
      },
    },
    vibration: {
      driver: "modbus",
      options: {
        host: "127.0.0.1",
        port: devices.vibrationPort,
        units: {
          pump: {
            unit: 1,
            intervalMs: 20,
            registers: {
              x: { table: "input", address: 0, type: "int16", scale: 0.01, unit: "m/s2" },
              y: { table: "input", address: 1, type: "int16", scale: 0.01, unit: "m/s2" },
              z: { table: "input", address: 2, type: "int16", scale: 0.01, unit: "m/s2" },
              speed: { table: "input", address: 3, unit: "1/min" },
            },
          },
        },
      },
    },
    weather: {
      driver: "http",
      options: {
        requests: {
          station: {
            url: `${devices.stationUrl}/v1/observation`,
            intervalMs: 1000,
            auth: { kind: "bearer", token: { secret: secretName } },
            // Without `time` a sample is as old as its emit, and the latencies measure our way alone.
            points: {
              temperature: { pointer: "/temperature", unit: "Cel" },
              humidity: { pointer: "/humidity", unit: "%RH" },
              pressure: { pointer: "/pressure", unit: "Pa", scale: 100 },
              "wind/speed": { pointer: "/wind/speed", unit: "m/s" },
            },
          },
        },
      },
    },
  };
}

/** The points that are shown of a plugin, in this order. */
export function pointsOf(plugin: string): readonly ShownPoint[] {
  return shown[plugin] ?? [];
}

export interface ShownPoint {
  /** Below the plugin. */
  path: string;
  label: string;
  unit: string;
  /** Behind the decimal point. */
  digits: number;
}

const shown: Readonly<Record<string, readonly ShownPoint[]>> = {
  meter: [
    { path: "line/power", label: "power", unit: "W", digits: 0 },
    { path: "line/voltage", label: "voltage", unit: "V", digits: 1 },
    { path: "line/energy", label: "energy", unit: "Wh", digits: 0 },
  ],
  vibration: [
    { path: "pump/z", label: "z", unit: "m/s2", digits: 2 },
    { path: "pump/x", label: "x", unit: "m/s2", digits: 2 },
    { path: "pump/speed", label: "speed", unit: "1/min", digits: 0 },
  ],
  weather: [
    { path: "station/temperature", label: "air", unit: "Cel", digits: 1 },
    { path: "station/pressure", label: "pressure", unit: "Pa", digits: 0 },
    { path: "station/wind/speed", label: "wind", unit: "m/s", digits: 1 },
  ],
};
