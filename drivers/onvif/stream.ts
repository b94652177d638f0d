/**
 * A look at an RTSP stream: does it answer, what does it hold, do packets flow, and are some missing.
 *
 * The picture is not decoded. Packets come over the RTSP connection itself (interleaved): that passes every firewall,
 * and what is missing then is missing at the camera, not on the way.
 */
import { once } from "node:events";
import { UmecError } from "../../runtime/plugin/sdk.ts";
import type { Login } from "./camera-http.ts";
import { countRtp, type RtpPacket, readRtp } from "./rtp.ts";
import { openRtsp, type Rtsp } from "./rtsp-client.ts";
import type { RtspMessage } from "./rtsp-parser.ts";
import { controlUrl, parseSdp, type SdpMedia } from "./sdp.ts";

export interface StreamLook {
  /** From the connection's begin to the description, in milliseconds. */
  answerMs: number;
  media: SdpMedia[];
  /** Packets of the video, or of the first medium if there is none. */
  received: number;
  lost: number;
}

export interface StreamOptions {
  /** As the camera names it; only its port, path and query count. */
  uri: string;
  host: string;
  /** @default the URI's, or 554 */
  port?: number | undefined;
  login: () => Promise<Login | undefined>;
  timeoutMs: number;
  /** How long packets are counted at most. */
  watchMs: number;
  signal: AbortSignal;
  /** Sees each packet of the medium; returns whether that was enough. */
  see?: (packet: RtpPacket, media: SdpMedia) => boolean;
}

/** Rejects with the errors of {@link openRtsp} and of its requests. */
export async function lookAtStream(options: StreamOptions): Promise<StreamLook> {
  const { host, login, timeoutMs, watchMs, signal } = options;
  const given = URL.parse(options.uri);
  if (!given || !/^rtsps?:$/.test(given.protocol)) {
    throw new UmecError(
      "ONVIF_UNSUPPORTED",
      `the stream's URI is ${JSON.stringify(options.uri.slice(0, 200))}, no RTSP`,
    );
  }
  const port = options.port ?? Number(given.port || 554);
  const count = countRtp();
  const enough = new AbortController();
  let watched: SdpMedia | undefined;
  const startedMs = performance.now();
  using rtsp = await openRtsp({
    host,
    port,
    login,
    timeoutMs,
    signal,
    packet(channel, bytes) {
      const packet = channel === 0 && watched ? readRtp(bytes) : undefined;
      if (!packet || !watched || packet.payloadType !== watched.payloadType) return;
      count.add(packet);
      if (options.see?.(packet, watched)) enough.abort();
    },
  });
  // Without user and password, which some cameras put into it; with the host that the camera expects to read.
  const url = `rtsp://${given.host}${given.pathname}${given.search}`;
  await rtsp.request("OPTIONS", url);
  const described = await rtsp.request("DESCRIBE", url, { Accept: "application/sdp" });
  const answerMs = performance.now() - startedMs;
  const sdp = parseSdp(described.body.toString("utf8"));
  watched = sdp.media.find(({ kind }) => kind === "video") ?? sdp.media[0];
  if (!watched) throw new UmecError("ONVIF_RTSP", `${url} describes no media`);

  const base = described.headers["content-base"] ?? described.headers["content-location"] ?? url;
  const aggregate = controlUrl(base, sdp.control);
  const setup = await rtsp.request("SETUP", controlUrl(base, watched.control), {
    Transport: "RTP/AVP/TCP;unicast;interleaved=0-1",
  });
  const session = sessionOf(setup);
  await rtsp.request("PLAY", aggregate, { Session: session, Range: "npt=0.000-" });
  await watch(rtsp, AbortSignal.any([AbortSignal.timeout(watchMs), enough.signal]));
  signal.throwIfAborted();
  // Tells the camera that it need not wait for us; whether it answers does not matter.
  await rtsp.request("TEARDOWN", aggregate, { Session: session }).catch(() => {});
  return { answerMs, media: sdp.media, received: count.received, lost: count.lost };
}

/** Until the time is over, or throws why the connection ended before. */
async function watch(rtsp: Rtsp, until: AbortSignal): Promise<void> {
  if (until.aborted) return;
  const over = new AbortController();
  try {
    await Promise.race([once(until, "abort", { signal: over.signal }), rtsp.ended]);
  } finally {
    over.abort();
  }
}

function sessionOf({ headers }: RtspMessage): string {
  const session = headers.session?.split(";", 1)[0]?.trim();
  if (!session) throw new UmecError("ONVIF_RTSP", "the answer to SETUP names no session");
  return session;
}
