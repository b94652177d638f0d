/**
 * This API's part of the fixture for conformance suites: devices and platforms that are registered already, at identifiers
 * that are known beforehand. They belong to nobody, so anybody may change and delete them.
 *
 * ```json
 * { "devices": [ { "deviceId": "sensor-1", "deviceAuthenticationInfo": "…", "imsi": "001010000000001" } ],
 *   "platforms": [ { "iotPlatformId": "platform-1", "enabled": true, "userTransportInfo": [ … ] } ] }
 * ```
 */
import Type, { type Static } from "typebox";
import { deviceRequestSchema } from "./schema/device.ts";
import { platformInfoSchema } from "./schema/platform.ts";

export const mec033FixtureSchema = Type.Object(
  {
    devices: Type.Optional(Type.Array(deviceRequestSchema)),
    platforms: Type.Optional(Type.Array(platformInfoSchema)),
  },
  { additionalProperties: false },
);
export type Mec033Fixture = Static<typeof mec033FixtureSchema>;
