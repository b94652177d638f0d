/** `umec discover` for cameras: what answers, as plugins that run. */
import { lookup } from "node:dns/promises";
import { type DiscoverOptions, type Found, UmecError } from "../../runtime/plugin/sdk.ts";
import { type Answer, groups, probe, type Target } from "./discovery.ts";

const waitMs = 3000;

/** @param options.at a camera's name or address, with a port behind a colon if it is not 3702; left out: everybody */
export async function* discover({ at, signal, log }: DiscoverOptions): AsyncGenerator<Found> {
  const targets = at === undefined ? groups() : [await targetOf(at)];
  log.debug(`probing ${targets.map(({ address }) => address).join(", ")}`);
  for await (const answer of probe(targets, { waitMs, signal })) yield foundOf(answer);
}

async function targetOf(at: string): Promise<Target> {
  const [, bracketed, plain, portText] =
    at.match(/^(?:\[([^\]]+)\]|([^:]+|[0-9A-Fa-f:.]+(?:%[\w.-]+)?))(?::(\d{1,5}))?$/) ?? [];
  const host = bracketed ?? plain;
  const port = Number(portText ?? 3702);
  if (host === undefined || port < 1 || port > 65_535) {
    throw new UmecError("ONVIF_ADDRESS", `${JSON.stringify(at)} is no address`, {
      hint: "give a name or an address, and a port behind a colon where it is not 3702; IPv6 with a port in brackets",
    });
  }
  if (host.includes(":")) return { address: host, port };
  try {
    const { address } = await lookup(host);
    return { address, port };
  } catch (cause) {
    throw new UmecError("ONVIF_ADDRESS", `nobody knows the address of ${host}`, { cause });
  }
}

/** The address that works from here is the one that the answer came from; what the camera says may be another's. */
export function foundOf({ id, addresses, scopes, sender }: Answer): Found {
  const urls = addresses.flatMap((address) => URL.parse(address) ?? []);
  const same = urls.find(({ hostname }) => hostname.replace(/^\[|\]$/g, "") === sender.replace(/%.*/, ""));
  const url = same ?? urls[0];
  const secure = url?.protocol === "https:";
  const title = [scopes.name, scopes.hardware]
    .filter((text, index, all) => text && all.indexOf(text) === index)
    .join(" ");
  const port = Number(url?.port || (secure ? 443 : 80));
  const options = {
    host: sender,
    ...(port !== (secure ? 443 : 80) && { port }),
    ...(url && url.pathname !== "/onvif/device_service" && { path: url.pathname }),
    ...(secure && { tls: {} }),
  };
  return {
    summary: `${sender}${port === 80 ? "" : ` port ${port}`}: ${title || "a camera"} (ONVIF)`,
    plugin: { name: pluginName(id, sender), options },
  };
}

/** Of what stays: the device's UUID, whose end often is its MAC address. */
function pluginName(id: string, sender: string): string {
  const digits = id
    .replace(/^urn:uuid:/i, "")
    .replace(/[^0-9A-Za-z]/g, "")
    .toLowerCase();
  return `camera-${digits.slice(-6) || sender.replace(/[^0-9a-z]+/gi, "-").toLowerCase()}`;
}
