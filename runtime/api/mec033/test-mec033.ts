/** For tests: the IoT API of a node in memory, served on loopback, and bodies for it. */

import { join } from "node:path";
import { after } from "node:test";
import { silentLog } from "../../log.ts";
import { createScratch } from "../../test-scratch.ts";
import { appPrincipal, serveTestApi } from "../http/test-api.ts";
import { openApiStore } from "../store/store.ts";
import { createTestApiNode, type TestApiNode } from "../test-api-node.ts";
import type { Principal } from "../types.ts";
import { createMec033, type Mec033, type Mec033Options } from "./mec033.ts";
import type { DeviceRequest } from "./schema/device.ts";
import type { IotPlatformInfo } from "./schema/platform.ts";

export interface TestMec033 {
  node: TestApiNode;
  mec033: Mec033;
  url: string;
  /** Below `/iots/v1`, as the application `tester` unless `as` says otherwise. An object is sent as JSON. */
  ask(
    method: string,
    path: string,
    options?: { body?: unknown; as?: string; headers?: Record<string, string>; root?: string },
  ): Promise<Response>;
  /** Stops the API and starts another one on the same store. */
  restart(): Promise<void>;
}

const scratch = createScratch();

export const testers: readonly Principal[] = [
  appPrincipal("tester"),
  appPrincipal("other"),
  appPrincipal("near", { read: ["weather/station/wind"], write: [] }),
  appPrincipal("noscope", { scopes: new Set(["things_read"]) }),
  { ...appPrincipal("anna"), kind: "user" },
];

/** Serves until the test file ends. */
export async function serveMec033(
  options: Partial<Omit<Mec033Options, "node" | "store">> = {},
): Promise<TestMec033> {
  const node = createTestApiNode();
  const path = join(await scratch(), "store.json");
  const start = async () => {
    const store = await openApiStore({ path, log: silentLog });
    const mec033 = createMec033({
      broker: { urls: ["wss://192.0.2.1:9222"] },
      aliases: ["/amsi/v1"],
      log: silentLog,
      ...options,
      store,
      node,
    });
    const api = await serveTestApi([mec033.family], testers);
    return { store, mec033, api };
  };
  let running = await start();
  const stop = async () => {
    running.mec033.stop();
    await running.api.stop();
    await running.store.close();
  };
  after(stop);
  return {
    node,
    get mec033() {
      return running.mec033;
    },
    get url() {
      return running.api.url;
    },
    ask(method, at, { body, as = "tester", headers = {}, root = "/iots/v1" } = {}) {
      return fetch(running.api.url + root + at, {
        method,
        headers: {
          authorization: `Bearer ${as}`,
          ...(body !== undefined && { "content-type": "application/json" }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
    },
    async restart() {
      await stop();
      running = await start();
    },
  };
}

export function testDevice(deviceId: string, more: Partial<DeviceRequest> = {}): DeviceRequest {
  return { deviceAuthenticationInfo: "a secret", deviceId, imsi: "001010000000001", ...more };
}

export function testPlatform(iotPlatformId: string, more: Partial<IotPlatformInfo> = {}): IotPlatformInfo {
  return {
    iotPlatformId,
    userTransportInfo: [
      {
        id: "mqtt",
        name: "MQTT",
        type: "MB_TOPIC_BASED",
        protocol: "MQTT",
        version: "5.0",
        endpoint: { addresses: [{ host: "192.0.2.7", port: 8883 }] },
        security: {},
        implSpecificInfo: { uplinkTopics: ["up/#"], downlinkTopics: ["down/#"] },
      },
    ],
    enabled: true,
    ...more,
  };
}
