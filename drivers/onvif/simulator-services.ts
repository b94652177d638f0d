/** What a simulated camera answers, by the public WSDL: device, media (both), PTZ. */
import type { SimulatorState } from "./simulator-state.ts";

/** `undefined`: no such operation. A text that starts with `!` is the subcode of a fault. */
export type Operation = (request: string, state: SimulatorState, base: string) => string | undefined;

const video = `<tt:Encoding>H264</tt:Encoding><tt:Resolution><tt:Width>1280</tt:Width><tt:Height>720</tt:Height></tt:Resolution>`;

export const deviceOperations: Readonly<Record<string, Operation>> = {
  GetSystemDateAndTime(_, { clockMs }) {
    const now = new Date(Date.now() + clockMs);
    return (
      `<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType><tt:UTCDateTime>` +
      `<tt:Time><tt:Hour>${now.getUTCHours()}</tt:Hour><tt:Minute>${now.getUTCMinutes()}</tt:Minute><tt:Second>${now.getUTCSeconds()}</tt:Second></tt:Time>` +
      `<tt:Date><tt:Year>${now.getUTCFullYear()}</tt:Year><tt:Month>${now.getUTCMonth() + 1}</tt:Month><tt:Day>${now.getUTCDate()}</tt:Day></tt:Date>` +
      `</tt:UTCDateTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>`
    );
  },
  GetServices(_, { misbehaviour }, base) {
    if (misbehaviour.noGetServices) return "!ter:ActionNotSupported";
    const of = (namespace: string, path: string): string =>
      `<tds:Service><tds:Namespace>http://www.onvif.org/${namespace}/wsdl</tds:Namespace><tds:XAddr>${base}/onvif/${path}</tds:XAddr><tds:Version><tt:Major>2</tt:Major><tt:Minor>42</tt:Minor></tds:Version></tds:Service>`;
    const media2 = misbehaviour.noMedia2 ? "" : of("ver20/media", "media2");
    return `<tds:GetServicesResponse>${of("ver10/device", "device_service")}${of("ver10/media", "media")}${media2}${of("ver20/ptz", "ptz")}${of("ver10/events", "events")}</tds:GetServicesResponse>`;
  },
  GetCapabilities(_, _state, base) {
    return (
      `<tds:GetCapabilitiesResponse><tds:Capabilities><tt:Events><tt:XAddr>${base}/onvif/events</tt:XAddr></tt:Events>` +
      `<tt:Media><tt:XAddr>${base}/onvif/media</tt:XAddr></tt:Media><tt:PTZ><tt:XAddr>${base}/onvif/ptz</tt:XAddr></tt:PTZ>` +
      `</tds:Capabilities></tds:GetCapabilitiesResponse>`
    );
  },
  GetDeviceInformation: () =>
    `<tds:GetDeviceInformationResponse><tds:Manufacturer>Acme &amp; Söhne</tds:Manufacturer><tds:Model>Cam 1</tds:Model>` +
    `<tds:FirmwareVersion>1.2</tds:FirmwareVersion><tds:SerialNumber>77</tds:SerialNumber><tds:HardwareId>h</tds:HardwareId></tds:GetDeviceInformationResponse>`,
};

export const media1Operations: Readonly<Record<string, Operation>> = {
  GetProfiles: () =>
    `<trt:GetProfilesResponse><trt:Profiles token="main" fixed="true"><tt:Name>Main</tt:Name><tt:VideoEncoderConfiguration token="v">${video}</tt:VideoEncoderConfiguration>` +
    `<tt:PTZConfiguration token="p"><tt:NodeToken>n</tt:NodeToken></tt:PTZConfiguration></trt:Profiles></trt:GetProfilesResponse>`,
  GetStreamUri: (_, { streamUri }) =>
    `<trt:GetStreamUriResponse><trt:MediaUri><tt:Uri>${streamUri}</tt:Uri><tt:Timeout>PT0S</tt:Timeout></trt:MediaUri></trt:GetStreamUriResponse>`,
  GetSnapshotUri(_, { misbehaviour }, base) {
    if (misbehaviour.noSnapshot) return "!ter:ActionNotSupported";
    return `<trt:GetSnapshotUriResponse><trt:MediaUri><tt:Uri>${base}/still.jpg?profile=1&amp;size=2</tt:Uri></trt:MediaUri></trt:GetSnapshotUriResponse>`;
  },
};

export const media2Operations: Readonly<Record<string, Operation>> = {
  GetProfiles: () =>
    `<tr2:GetProfilesResponse><tr2:Profiles token="audio"><tr2:Name>Sound only</tr2:Name></tr2:Profiles>` +
    `<tr2:Profiles token="main"><tr2:Name>Main</tr2:Name><tr2:Configurations><tr2:VideoEncoder token="v">${video}</tr2:VideoEncoder><tr2:PTZ token="p"/></tr2:Configurations></tr2:Profiles></tr2:GetProfilesResponse>`,
  GetStreamUri: (_, { streamUri }) =>
    `<tr2:GetStreamUriResponse><tr2:Uri>${streamUri}</tr2:Uri></tr2:GetStreamUriResponse>`,
  GetSnapshotUri(_, { misbehaviour }, base) {
    if (misbehaviour.noSnapshot) return "!ter:ActionNotSupported";
    return `<tr2:GetSnapshotUriResponse><tr2:Uri>${base}/still.jpg?profile=1&amp;size=2</tr2:Uri></tr2:GetSnapshotUriResponse>`;
  },
};

export const ptzOperations: Readonly<Record<string, Operation>> = {
  GetStatus: (_, { position: { pan, tilt, zoom }, velocity }) => {
    const state = velocity.pan || velocity.tilt || velocity.zoom ? "MOVING" : "IDLE";
    return (
      `<tptz:GetStatusResponse><tptz:PTZStatus><tt:Position><tt:PanTilt x="${pan}" y="${tilt}"/><tt:Zoom x="${zoom}"/></tt:Position>` +
      `<tt:MoveStatus><tt:PanTilt>${state}</tt:PanTilt><tt:Zoom>IDLE</tt:Zoom></tt:MoveStatus><tt:UtcTime>2026-01-01T00:00:00Z</tt:UtcTime></tptz:PTZStatus></tptz:GetStatusResponse>`
    );
  },
  AbsoluteMove(request, state) {
    Object.assign(state.position, vectorOf(request, "Position"));
    return "<tptz:AbsoluteMoveResponse/>";
  },
  RelativeMove(request, state) {
    const by = vectorOf(request, "Translation");
    for (const axis of ["pan", "tilt", "zoom"] as const) state.position[axis] += by[axis] ?? 0;
    return "<tptz:RelativeMoveResponse/>";
  },
  ContinuousMove(request, state) {
    Object.assign(state.velocity, { pan: 0, tilt: 0, zoom: 0 }, vectorOf(request, "Velocity"));
    const seconds = Number(request.match(/<Timeout>PT([\d.]+)S</)?.[1] ?? "60");
    if (!state.misbehaviour.ignoresTimeout) setTimeout(() => stop(state), seconds * 1000).unref();
    return "<tptz:ContinuousMoveResponse/>";
  },
  Stop(_, state) {
    stop(state);
    return "<tptz:StopResponse/>";
  },
  GetPresets: () =>
    `<tptz:GetPresetsResponse><tptz:Preset token="1"><tt:Name>gate</tt:Name></tptz:Preset><tptz:Preset token="2"><tt:Name>road &lt;north&gt;</tt:Name></tptz:Preset></tptz:GetPresetsResponse>`,
  GotoPreset(request, state) {
    const token = request.match(/<PresetToken>([^<]*)</)?.[1];
    if (token === "1") Object.assign(state.position, { pan: 0.5, tilt: -0.5, zoom: 0 });
    else if (token === "2") Object.assign(state.position, { pan: -1, tilt: 0, zoom: 1 });
    else return "!ter:NoToken";
    return "<tptz:GotoPresetResponse/>";
  },
};

function stop(state: SimulatorState): void {
  Object.assign(state.velocity, { pan: 0, tilt: 0, zoom: 0 });
}

function vectorOf(request: string, name: string): Partial<Record<"pan" | "tilt" | "zoom", number>> {
  const inner = request.match(new RegExp(`<${name}>(.*?)</${name}>`, "s"))?.[1] ?? "";
  const panTilt = inner.match(/<PanTilt[^>]* x="([^"]*)" y="([^"]*)"/);
  const zoom = inner.match(/<Zoom[^>]* x="([^"]*)"/);
  return {
    ...(panTilt && { pan: Number(panTilt[1]), tilt: Number(panTilt[2]) }),
    ...(zoom && { zoom: Number(zoom[1]) }),
  };
}
