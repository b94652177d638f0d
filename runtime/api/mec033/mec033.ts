/**
 * ETSI GS MEC 033 V3.1.1, the IoT API: devices and IoT platforms, all ten operations.
 *
 * **Devices** are the node's points, one each, and what others have registered. A device's id is its `deviceId`; a point's
 * is `<plugin>.<path>` as on the bus, `weather.station.temperature`. An asker sees the points that it may read or command;
 * of others' devices everything but what identifies them in a mobile network and authenticates them. Points follow the
 * target state, and the API does not change them (403).
 *
 * **Platforms** are the node, by its name, with its bus and the topics that the asker may use, and what others have
 * registered.
 *
 * `enabled` of a device is worked out when somebody looks: it holds as long as its traffic rule or its platform's
 * transport does. What others have registered is in the API's store and outlives a restart. Each of them may have 256
 * devices (96 KiB) and 32 platforms (32 KiB); what an application has registered goes with it.
 *
 * The document's name for the API is `iots`; a server in ETSI's file is called `amsi`, so that root can be had as well.
 */
import type { Log } from "../../log.ts";
import type { ApiFamily } from "../http/route.ts";
import type { ApiNode, ApiStore, Broker } from "../types.ts";
import { deviceRoutes } from "./device-routes.ts";
import type { Mec033Fixture } from "./fixture.ts";
import { platformRoutes } from "./platform-routes.ts";
import { createPlatforms } from "./platforms.ts";
import { createRegistry } from "./registry.ts";
import type { DeviceRequest } from "./schema/device.ts";
import type { IotPlatformInfo } from "./schema/platform.ts";

export interface Mec033Options {
  store: ApiStore;
  node: ApiNode;
  /** @default the node's platform is not enabled */
  broker?: Pick<Broker, "urls"> | undefined;
  /** Where tokens are had: absolute, or below the API's root. @default "/oauth2/v1/token" */
  tokenEndpoint?: string;
  /** Path of the API where credentials of the bus are had. @default that of runtime/api/mec011 */
  busCredentials?: string;
  /** Roots beside `/iots/v1`, such as `/amsi/v1`. @default none */
  aliases?: readonly string[];
  log: Log;
}

export interface Mec033 {
  readonly family: ApiFamily;
  /** In the place of an earlier fixture. Resolves when it is on disk. */
  seed(fixture: Mec033Fixture): Promise<void>;
  /** Takes out what applications have registered that are not among these any more. Resolves when it is gone from the disk. */
  setApps(names: readonly string[]): Promise<void>;
  stop(): void;
}

export function createMec033({
  store,
  node,
  broker,
  tokenEndpoint = "/oauth2/v1/token",
  busCredentials = "/umec_apps/v1/applications/{appInstanceId}/bus_credentials",
  aliases = [],
  log,
}: Mec033Options): Mec033 {
  const devices = createRegistry<DeviceRequest>({
    store,
    log,
    kind: "mec033.device",
    what: "device",
    most: 256,
    mostBytes: 96 * 1024,
  });
  const registry = createRegistry<IotPlatformInfo>({
    store,
    kind: "mec033.platform",
    what: "IoT platform",
    most: 32,
    mostBytes: 32 * 1024,
    log,
  });
  const platforms = createPlatforms(registry, { node, broker, tokenEndpoint, busCredentials });
  return {
    family: {
      roots: ["/iots/v1", ...aliases],
      title: "ETSI GS MEC 033 IoT API",
      version: "3.1.1",
      routes: [
        ...deviceRoutes({ node, registry: devices, platforms }),
        ...platformRoutes({ registry, platforms }),
      ],
    },
    async seed({ devices: seeded = [], platforms: seededPlatforms = [] }) {
      await devices.seed(new Map(seeded.map((info) => [info.deviceId, info])));
      await registry.seed(new Map(seededPlatforms.map((info) => [info.iotPlatformId, info])));
    },
    async setApps(names) {
      const apps = new Set(names);
      await devices.keepApps(apps);
      await registry.keepApps(apps);
    },
    stop() {},
  };
}
