/** What the processes of api.ts agree on. */
import { createHash } from "node:crypto";
import { type AppTarget, scopes } from "../runtime/api/types.ts";

export const plugin = "weather";
export const point = "station/temperature";
export const secret = "bench";
export const services = 20;

export const benchApp: AppTarget = {
  name: "bench",
  appInstanceId: "5abe4782-2c70-4e47-9a4e-0ee3a1a0fd1f",
  secretSha256: createHash("sha256").update(secret).digest("hex"),
  scopes,
  read: ["**"],
  write: [],
  bus: { publish: [], subscribe: [] },
  dnsRules: [],
  trafficRules: [],
};

export const paths = {
  services: "/mec_service_mgmt/v1/services?scope_of_locality=MEC_HOST",
  property: `/things/${plugin}/properties/${encodeURIComponent(point)}`,
} as const;
export type Asked = keyof typeof paths;

export function serviceNumber(i: number): object {
  return {
    serName: `service-${i}`,
    serCategory: { href: "/catalogue", id: `category-${i % 4}`, name: "weather", version: "1" },
    version: "1.0",
    state: "ACTIVE",
    serializer: "JSON",
    scopeOfLocality: "MEC_HOST",
    transportInfo: {
      ...{ id: "rest", name: "REST", type: "REST_HTTP", protocol: "HTTP", version: "2.0", security: {} },
      endpoint: { uris: [`http://127.0.0.1:8080/service-${i}`] },
    },
  };
}
