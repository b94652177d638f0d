/** Moving a camera: PTZ service (ONVIF PTZ section 5), in the generic spaces: pan and tilt -1…1, zoom 0…1. */
import type { Soap } from "./soap.ts";
import { child, childrenOf, escapeXml, textAt, type XmlTree } from "./xml.ts";

/** Axes that are left out stay as they are. */
export interface Vector {
  pan?: number;
  tilt?: number;
  zoom?: number;
}

export interface Position extends Vector {
  /** Absent when the camera does not say. */
  moving?: boolean;
}

export interface Preset {
  token: string;
  name: string;
}

export interface Ptz {
  position(signal: AbortSignal): Promise<Position>;
  absolute(to: Vector, speed: number | undefined, signal: AbortSignal): Promise<void>;
  relative(by: Vector, speed: number | undefined, signal: AbortSignal): Promise<void>;
  /** @param timeoutMs after which the camera itself stops, if it obeys */
  continuous(velocity: Vector, timeoutMs: number, signal: AbortSignal): Promise<void>;
  stop(signal: AbortSignal): Promise<void>;
  presets(signal: AbortSignal): Promise<Preset[]>;
  goto(token: string, speed: number | undefined, signal: AbortSignal): Promise<void>;
}

const ns = "http://www.onvif.org/ver20/ptz/wsdl";
const schema = "http://www.onvif.org/ver10/schema";

export function createPtz(soap: Soap, { address, profile }: { address: string; profile: string }): Ptz {
  const call = (name: string, inner: string, signal: AbortSignal): Promise<XmlTree> => {
    const token = `<ProfileToken>${escapeXml(profile)}</ProfileToken>`;
    const body = `<${name} xmlns="${ns}">${token}${inner}</${name}>`;
    return soap.call({ address, action: `${ns}/${name}`, body, signal });
  };
  return {
    async position(signal) {
      return readStatus(await call("GetStatus", "", signal));
    },
    async absolute(to, speed, signal) {
      await call("AbsoluteMove", vector("Position", to) + speedOf(to, speed), signal);
    },
    async relative(by, speed, signal) {
      await call("RelativeMove", vector("Translation", by) + speedOf(by, speed), signal);
    },
    async continuous(velocity, timeoutMs, signal) {
      const timeout = `<Timeout>PT${timeoutMs / 1000}S</Timeout>`;
      await call("ContinuousMove", vector("Velocity", velocity) + timeout, signal);
    },
    async stop(signal) {
      await call("Stop", "<PanTilt>true</PanTilt><Zoom>true</Zoom>", signal);
    },
    async presets(signal) {
      const answer = await call("GetPresets", "", signal);
      return childrenOf(answer, "Preset").flatMap((preset): Preset[] => {
        const { token } = preset.attributes;
        return token === undefined ? [] : [{ token, name: textAt(preset, "Name") ?? token }];
      });
    },
    async goto(token, speed, signal) {
      const all = { pan: 0, tilt: 0, zoom: 0 };
      await call(
        "GotoPreset",
        `<PresetToken>${escapeXml(token)}</PresetToken>${speedOf(all, speed)}`,
        signal,
      );
    },
  };
}

function vector(name: string, { pan, tilt, zoom }: Vector): string {
  const turn = pan === undefined && tilt === undefined;
  const panTilt = turn ? "" : `<PanTilt xmlns="${schema}" x="${pan ?? 0}" y="${tilt ?? 0}"/>`;
  const zoomed = zoom === undefined ? "" : `<Zoom xmlns="${schema}" x="${zoom}"/>`;
  return `<${name}>${panTilt}${zoomed}</${name}>`;
}

function speedOf({ pan, tilt, zoom }: Vector, speed: number | undefined): string {
  if (speed === undefined) return "";
  const turn = pan === undefined && tilt === undefined ? {} : { pan: speed, tilt: speed };
  return vector("Speed", { ...turn, ...(zoom !== undefined && { zoom: speed }) });
}

function readStatus(answer: XmlTree): Position {
  const status = child(answer, "PTZStatus");
  const at = child(status, "Position");
  const numbers = {
    pan: numberOf(child(at, "PanTilt")?.attributes.x),
    tilt: numberOf(child(at, "PanTilt")?.attributes.y),
    zoom: numberOf(child(at, "Zoom")?.attributes.x),
  };
  const states = [textAt(status, "MoveStatus", "PanTilt"), textAt(status, "MoveStatus", "Zoom")].filter(
    (state) => state === "MOVING" || state === "IDLE",
  );
  const position = Object.fromEntries(Object.entries(numbers).filter(([, value]) => value !== undefined));
  return { ...position, ...(states.length > 0 && { moving: states.includes("MOVING") }) };
}

function numberOf(text: string | undefined): number | undefined {
  const value = text === undefined || text.trim() === "" ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : undefined;
}
