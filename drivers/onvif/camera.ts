/**
 * A camera and what is known of it while it is there.
 *
 * To connect is a walk: its time (so that it takes our tokens), its services, what it is, its profiles. The URIs are
 * asked for when they are needed, and again after each connect: a camera that was given another address or firmware
 * has others.
 */
import { readFile } from "node:fs/promises";
import { type Host, isUmecError, UmecError } from "../../runtime/plugin/sdk.ts";
import { baseUrl, createPlaces, type Places } from "./address.ts";
import { type CameraHttp, createCameraHttp, type Login } from "./camera-http.ts";
import { createHttpClient } from "./http-client.ts";
import { chooseProfile, createMedia1, createMedia2, type Media, type Profile } from "./media.ts";
import type { OnvifOptions } from "./options.ts";
import { createPtz, type Ptz } from "./ptz.ts";
import { createDevice, type DeviceInformation, type Services } from "./services.ts";
import { createSoap, type Soap } from "./soap.ts";
import type { StreamOptions } from "./stream.ts";

export interface Camera {
  readonly title: string;
  readonly http: CameraHttp;
  readonly places: Places;
  readonly soap: Soap;
  readonly timeoutMs: number;
  readonly streamOptions: Pick<StreamOptions, "host" | "port" | "login" | "timeoutMs">;
  /** Camera's clock minus ours, in milliseconds; `undefined` until known. */
  readonly offsetMs: number | undefined;
  /** Whether it is there, how far its clock is off, and whether it still takes the login. */
  check(signal: AbortSignal): Promise<void>;
  connect(signal: AbortSignal): Promise<Session>;
  close(): void;
}

export interface Session {
  readonly information: DeviceInformation;
  readonly services: Services;
  readonly profile: Profile;
  readonly ptz: Ptz | undefined;
  streamUri(signal: AbortSignal): Promise<string>;
  /** `undefined` when the camera has none. */
  snapshotUri(signal: AbortSignal): Promise<string | undefined>;
}

/** Rejects with `ONVIF_TRUST` when the file of authorities can't be read. */
export async function createCamera(options: OnvifOptions, host: Host): Promise<Camera> {
  const { tls, path, timeoutMs, user, password } = options;
  const secure = tls !== undefined;
  const port = options.port ?? (secure ? 443 : 80);
  const base = baseUrl({ host: options.host, port, secure, path });
  const login = async (): Promise<Login | undefined> =>
    user === undefined
      ? undefined
      : { user, password: password ? await host.secrets.get(password.secret) : "" };
  const none = async (): Promise<undefined> => undefined;
  const client = createHttpClient({
    host: options.host,
    trust: { fingerprint: tls?.fingerprint, ca: await readCa(tls?.ca) },
  });
  const http = createCameraHttp(client, { login: options.login === "token" ? none : login });
  const places = createPlaces(base);
  let offsetMs: number | undefined;
  const soap = createSoap({
    http,
    places,
    token: options.login === "digest" ? none : login,
    cameraMs: () => host.clock.nowMs() + (offsetMs ?? 0),
    timeoutMs,
  });
  const device = createDevice(soap, base.href);

  async function readClock(signal: AbortSignal): Promise<void> {
    const beforeMs = host.clock.nowMs();
    const startedMs = host.clock.monotonicMs();
    const cameraMs = await device.time(signal);
    // It was read about half way; the camera says whole seconds, which is on average half a second less.
    const middleMs = beforeMs + (host.clock.monotonicMs() - startedMs) / 2;
    offsetMs = cameraMs === undefined ? undefined : cameraMs + 500 - middleMs;
  }

  return {
    title: `the camera ${options.host}`,
    http,
    places,
    soap,
    timeoutMs,
    streamOptions: { host: options.host, port: options.stream.port, login, timeoutMs },
    get offsetMs() {
      return offsetMs;
    },
    async check(signal) {
      await readClock(signal);
      // The time is told to everybody: only this needs the login.
      await device.information(signal);
    },
    async connect(signal) {
      await readClock(signal);
      const services = await device.services(signal);
      const information = await device.information(signal);
      const media = mediaOf(soap, services);
      const profile = chooseProfile(await media.profiles(signal), options.profile);
      const ptz =
        services.ptz === undefined
          ? undefined
          : createPtz(soap, { address: services.ptz, profile: profile.token });
      return { information, services, profile, ptz, ...urisOf(media, profile.token) };
    },
    close: () => client.close(),
  };
}

async function readCa(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new UmecError(
      "ONVIF_TRUST",
      `tls.ca: ${file} can't be read (${(cause as NodeJS.ErrnoException).code})`,
      { cause },
    );
  }
}

function mediaOf(soap: Soap, { media, media2 }: Services): Media {
  if (media2 !== undefined) return createMedia2(soap, media2);
  if (media !== undefined) return createMedia1(soap, media);
  throw new UmecError("ONVIF_UNSUPPORTED", "the camera has no media service");
}

function urisOf(media: Media, token: string): Pick<Session, "streamUri" | "snapshotUri"> {
  let stream: string | undefined;
  let snapshot: string | null | undefined;
  return {
    async streamUri(signal) {
      stream ??= await media.streamUri(token, signal);
      return stream;
    },
    async snapshotUri(signal) {
      if (snapshot === undefined) {
        snapshot = await media.snapshotUri(token, signal).catch((error: unknown) => {
          if (hasNone(error)) return null;
          throw error;
        });
      }
      return snapshot ?? undefined;
    },
  };
}

/** Whether a camera means by it that it has no snapshots at all. */
function hasNone(error: unknown): boolean {
  return (
    isUmecError(error, "ONVIF_FAULT") ||
    isUmecError(error, "ONVIF_UNSUPPORTED") ||
    isUmecError(error, "ONVIF_STATUS")
  );
}
