/** What a camera offers, and where: Device Management service (ONVIF Core section 8). */

import { isFault } from "./fault.ts";
import type { Soap, SoapCall } from "./soap.ts";
import { child, childrenOf, textAt, type XmlTree } from "./xml.ts";

/** Addresses as the camera names them. */
export interface Services {
  media?: string;
  media2?: string;
  ptz?: string;
  events?: string;
}

export interface DeviceInformation {
  manufacturer?: string;
  model?: string;
  firmware?: string;
  serial?: string;
}

export interface Device {
  /** Unix time in milliseconds by the camera's clock; `undefined` when it does not say it so that it can be read. */
  time(signal: AbortSignal): Promise<number | undefined>;
  services(signal: AbortSignal): Promise<Services>;
  information(signal: AbortSignal): Promise<DeviceInformation>;
}

const ns = "http://www.onvif.org/ver10/device/wsdl";

/** By the namespaces of the services. */
const kinds: readonly [pattern: RegExp, kind: keyof Services][] = [
  [/\/ver10\/media\/wsdl\/?$/, "media"],
  [/\/ver20\/media\/wsdl\/?$/, "media2"],
  [/\/ver20\/ptz\/wsdl\/?$/, "ptz"],
  [/\/ver10\/events\/wsdl\/?$/, "events"],
];

export function createDevice(soap: Soap, address: string): Device {
  const call = (name: string, inner: string, more: Omit<SoapCall, "address" | "action" | "body">) =>
    soap.call({
      address,
      action: `${ns}/${name}`,
      body: `<${name} xmlns="${ns}">${inner}</${name}>`,
      ...more,
    });

  async function anonymousFirst(name: string, signal: AbortSignal): Promise<XmlTree> {
    try {
      return await call(name, "", { signal, anonymous: true });
    } catch (error) {
      if (!refused(error)) throw error;
      return call(name, "", { signal });
    }
  }

  return {
    async time(signal) {
      return readTime(await anonymousFirst("GetSystemDateAndTime", signal));
    },
    async services(signal) {
      try {
        const found = readServices(
          await call("GetServices", "<IncludeCapability>false</IncludeCapability>", { signal }),
        );
        if (found.media !== undefined || found.media2 !== undefined) return found;
      } catch (error) {
        // Before ONVIF 2.1 there was no GetServices.
        if (!isFault(error) || error.code !== "ONVIF_FAULT") throw error;
      }
      return readCapabilities(await call("GetCapabilities", "<Category>All</Category>", { signal }));
    },
    async information(signal) {
      const answer = await call("GetDeviceInformation", "", { signal });
      const given = {
        manufacturer: textAt(answer, "Manufacturer"),
        model: textAt(answer, "Model"),
        firmware: textAt(answer, "FirmwareVersion"),
        serial: textAt(answer, "SerialNumber"),
      };
      return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
    },
  };
}

function refused(error: unknown): boolean {
  return (error as { code?: string }).code === "ONVIF_UNAUTHORIZED";
}

/** tt:SystemDateTime; the local time is not used: cameras get time zones wrong. */
function readTime(answer: XmlTree): number | undefined {
  const utc = child(answer, "SystemDateAndTime", "UTCDateTime");
  const part = (...path: string[]): number => Number(textAt(utc, ...path) ?? Number.NaN);
  const ms = Date.UTC(
    part("Date", "Year"),
    part("Date", "Month") - 1,
    part("Date", "Day"),
    part("Time", "Hour"),
    part("Time", "Minute"),
    part("Time", "Second"),
  );
  return Number.isFinite(ms) ? ms : undefined;
}

function readServices(answer: XmlTree): Services {
  const services: Services = {};
  for (const service of childrenOf(answer, "Service")) {
    const namespace = textAt(service, "Namespace") ?? "";
    const kind = kinds.find(([pattern]) => pattern.test(namespace))?.[1];
    const address = textAt(service, "XAddr");
    if (kind && address !== undefined) services[kind] ??= address;
  }
  return services;
}

function readCapabilities(answer: XmlTree): Services {
  const at = child(answer, "Capabilities");
  const given = {
    media: textAt(at, "Media", "XAddr"),
    media2: textAt(at, "Extension", "Media2", "XAddr"),
    ptz: textAt(at, "PTZ", "XAddr"),
    events: textAt(at, "Events", "XAddr"),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
