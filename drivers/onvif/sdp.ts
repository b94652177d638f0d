/** What a stream holds: SDP (RFC 8866) with RTSP's `control` (RFC 7826 appendix D). */
export interface SdpMedia {
  /** `video`, `audio`, `application`. */
  kind: string;
  payloadType: number;
  /** As in `rtpmap`, in capitals: `H264`, `JPEG`, `PCMU`. */
  codec: string;
  clockRate?: number;
  /** As it was said: a URL, or what is to be put behind the base. */
  control?: string;
}

/** RFC 3551 section 6. */
const usual: Readonly<Record<number, [codec: string, clockRate: number]>> = {
  0: ["PCMU", 8000],
  8: ["PCMA", 8000],
  9: ["G722", 8000],
  14: ["MPA", 90_000],
  26: ["JPEG", 90_000],
  32: ["MPV", 90_000],
  33: ["MP2T", 90_000],
};

/** Most media that are read. */
const maxMedia = 16;

export function parseSdp(text: string): { media: SdpMedia[]; control?: string } {
  const media: SdpMedia[] = [];
  let session: string | undefined;
  for (const line of text.split(/\r?\n/)) {
    const described = line.match(/^m=(\w+) \S+ \S+ (\d+)/);
    if (described) {
      if (media.length === maxMedia) break;
      const payloadType = Number(described[2]);
      const [codec, clockRate] = usual[payloadType] ?? [`PT${payloadType}`, undefined];
      media.push({
        kind: described[1] ?? "",
        payloadType,
        codec,
        ...(clockRate !== undefined && { clockRate }),
      });
      continue;
    }
    const last = media.at(-1);
    const control = line.match(/^a=control:\s*(\S+)/)?.[1];
    if (control !== undefined && last) last.control ??= control;
    else if (control !== undefined) session ??= control;
    const map = line.match(/^a=rtpmap:\s*(\d+)\s+([\w.+-]+)\/(\d+)/);
    if (map && last && Number(map[1]) === last.payloadType) {
      last.codec = (map[2] ?? "").toUpperCase();
      last.clockRate = Number(map[3]);
    }
  }
  return { media, ...(session !== undefined && { control: session }) };
}

/** The URL of a control attribute: absolute, or put behind the base (RFC 7826 section D.1.1, and as servers mean it). */
export function controlUrl(base: string, control: string | undefined): string {
  if (control === undefined || control === "*") return base;
  if (/^rtsps?:\/\//i.test(control)) return control;
  return `${base.endsWith("/") ? base : `${base}/`}${control.replace(/^\//, "")}`;
}
