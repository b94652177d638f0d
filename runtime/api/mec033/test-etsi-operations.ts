/** The operations of ETSI GS MEC 033 V3.1.1 with the status codes that its OpenAPI document lists: 10, and 40 pairs. */
export const etsiOperations: Readonly<Record<string, { on: string; statuses: readonly number[] }>> = {
  registereddevicesGET: { on: "GET /registered_devices", statuses: [200, 400, 403, 404] },
  registereddevicesPOST: { on: "POST /registered_devices", statuses: [201, 400, 403, 404] },
  registereddevicesByIdGET: {
    on: "GET /registered_devices/{registeredDeviceId}",
    statuses: [200, 400, 403, 404],
  },
  registereddevicesByIdPUT: {
    on: "PUT /registered_devices/{registeredDeviceId}",
    statuses: [200, 400, 403, 404, 412],
  },
  registereddevicesByIdDELETE: {
    on: "DELETE /registered_devices/{registeredDeviceId}",
    statuses: [204, 403, 404],
  },
  registerediotplatformsGET: { on: "GET /registered_iot_platforms", statuses: [200, 400, 403, 404] },
  registerediotplatformsPOST: { on: "POST /registered_iot_platforms", statuses: [201, 400, 403, 404] },
  registerediotplatformsByIdGET: {
    on: "GET /registered_iot_platforms/{registeredIotPlatformId}",
    statuses: [200, 400, 403, 404],
  },
  registerediotplatformsByIdPUT: {
    on: "PUT /registered_iot_platforms/{registeredIotPlatformId}",
    statuses: [200, 400, 403, 404, 412],
  },
  registerediotplatformsByIdDELETE: {
    on: "DELETE /registered_iot_platforms/{registeredIotPlatformId}",
    statuses: [204, 403, 404],
  },
};
