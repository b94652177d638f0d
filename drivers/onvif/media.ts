/** Profiles, and where their stream and still are: Media2 (ver20/media) where there is one, else Media (ver10). */
import { UmecError } from "../../runtime/plugin/sdk.ts";
import type { Soap } from "./soap.ts";
import { child, childrenOf, escapeXml, find, textAt, type XmlTree } from "./xml.ts";

export interface Profile {
  token: string;
  name: string;
  /** As the camera calls it: `H264`, `JPEG`. */
  encoding?: string;
  width?: number;
  height?: number;
  /** Whether the profile moves a camera. */
  ptz: boolean;
}

export interface Media {
  profiles(signal: AbortSignal): Promise<Profile[]>;
  /** RTSP over TCP. */
  streamUri(token: string, signal: AbortSignal): Promise<string>;
  snapshotUri(token: string, signal: AbortSignal): Promise<string>;
}

const ns1 = "http://www.onvif.org/ver10/media/wsdl";
const ns2 = "http://www.onvif.org/ver20/media/wsdl";
const schema = "http://www.onvif.org/ver10/schema";

/** Media Service 2 (ONVIF Media2 section 5). */
export function createMedia2(soap: Soap, address: string): Media {
  const call = caller(soap, address, ns2);
  return {
    async profiles(signal) {
      return readProfiles(await call("GetProfiles", "<Type>All</Type>", signal));
    },
    async streamUri(token, signal) {
      const inner = `<Protocol>RTSP</Protocol><ProfileToken>${escapeXml(token)}</ProfileToken>`;
      return uriOf("GetStreamUri", await call("GetStreamUri", inner, signal));
    },
    async snapshotUri(token, signal) {
      const inner = `<ProfileToken>${escapeXml(token)}</ProfileToken>`;
      return uriOf("GetSnapshotUri", await call("GetSnapshotUri", inner, signal));
    },
  };
}

/** Media Service (ONVIF Media section 5). */
export function createMedia1(soap: Soap, address: string): Media {
  const call = caller(soap, address, ns1);
  return {
    async profiles(signal) {
      return readProfiles(await call("GetProfiles", "", signal));
    },
    async streamUri(token, signal) {
      const setup =
        `<StreamSetup><Stream xmlns="${schema}">RTP-Unicast</Stream>` +
        `<Transport xmlns="${schema}"><Protocol>RTSP</Protocol></Transport></StreamSetup>`;
      const inner = `${setup}<ProfileToken>${escapeXml(token)}</ProfileToken>`;
      return uriOf("GetStreamUri", await call("GetStreamUri", inner, signal));
    },
    async snapshotUri(token, signal) {
      const inner = `<ProfileToken>${escapeXml(token)}</ProfileToken>`;
      return uriOf("GetSnapshotUri", await call("GetSnapshotUri", inner, signal));
    },
  };
}

/** The profile with this token or name; without one the first that has video. */
export function chooseProfile(profiles: readonly Profile[], wanted?: string): Profile {
  const names = profiles.map(({ token, name }) => `${token} (${name})`).join(", ");
  if (wanted === undefined) {
    const first = profiles.find(({ encoding }) => encoding !== undefined) ?? profiles[0];
    if (first) return first;
    throw new UmecError("ONVIF_PROFILE", "the camera has no media profile");
  }
  const found =
    profiles.find(({ token }) => token === wanted) ?? profiles.find(({ name }) => name === wanted);
  if (found) return found;
  throw new UmecError(
    "ONVIF_PROFILE",
    `the camera has no profile ${wanted}; it has ${names || "none"}`.slice(0, 500),
  );
}

function caller(soap: Soap, address: string, ns: string) {
  return (name: string, inner: string, signal: AbortSignal): Promise<XmlTree> =>
    soap.call({
      address,
      action: `${ns}/${name}`,
      body: `<${name} xmlns="${ns}">${inner}</${name}>`,
      signal,
    });
}

function readProfiles(answer: XmlTree): Profile[] {
  return childrenOf(answer, "Profiles").flatMap((profile): Profile[] => {
    const { token } = profile.attributes;
    if (token === undefined) return [];
    // Media2 keeps all of them below Configurations and leaves out "Configuration".
    const all = child(profile, "Configurations") ?? profile;
    const video = child(all, "VideoEncoderConfiguration") ?? child(all, "VideoEncoder");
    const encoding = textAt(video, "Encoding");
    const width = Number(textAt(video, "Resolution", "Width"));
    const height = Number(textAt(video, "Resolution", "Height"));
    return [
      {
        token,
        name: textAt(profile, "Name") ?? token,
        ...(encoding !== undefined && { encoding }),
        ...(width > 0 && { width }),
        ...(height > 0 && { height }),
        ptz: (child(all, "PTZConfiguration") ?? child(all, "PTZ")) !== undefined,
      },
    ];
  });
}

function uriOf(name: string, answer: XmlTree): string {
  const uri = find(answer, "Uri")?.text;
  if (uri !== undefined && uri !== "") return uri;
  throw new UmecError("ONVIF_UNSUPPORTED", `${name}: the camera gives no URI`);
}
