/** The bytes of an RTSP connection: answers (RFC 7826, RFC 2326) and, between them, packets (section 14, `$`). */
import { UmecError } from "../../runtime/plugin/sdk.ts";

export interface RtspMessage {
  /** 0 for a request of the server. */
  status: number;
  reason: string;
  /** Names in lower case; several of one name are joined by commas. */
  headers: Readonly<Record<string, string>>;
  body: Buffer;
}

const maxHeadBytes = 16 * 1024;
const maxBodyBytes = 256 * 1024;

/** Gives a function that takes bytes as they come; it throws `ONVIF_RTSP` when they can't be RTSP. */
export function createRtspParser(take: {
  message: (message: RtspMessage) => void;
  packet: (channel: number, packet: Buffer) => void;
}): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);

  /** Gives how many bytes were used; 0: more are needed. */
  function step(): number {
    if (rest.length === 0) return 0;
    if (rest[0] === 0x24) {
      if (rest.length < 4) return 0;
      const end = 4 + rest.readUInt16BE(2);
      if (rest.length < end) return 0;
      take.packet(rest[1] ?? 0, rest.subarray(4, end));
      return end;
    }
    if (rest[0] === 0x0d || rest[0] === 0x0a) return 1;
    const headEnd = rest.subarray(0, maxHeadBytes).indexOf("\r\n\r\n");
    if (headEnd < 0) {
      if (rest.length >= maxHeadBytes || !couldBeRtsp(rest))
        throw new UmecError("ONVIF_RTSP", "the answer is no RTSP");
      return 0;
    }
    const head = readHead(rest.toString("latin1", 0, headEnd));
    const length = Number(head.headers["content-length"] ?? 0);
    if (!(length >= 0 && length <= maxBodyBytes)) {
      throw new UmecError("ONVIF_RTSP", `an answer of ${head.headers["content-length"]} bytes is not taken`);
    }
    const end = headEnd + 4 + length;
    if (rest.length < end) return 0;
    take.message({ ...head, body: Buffer.from(rest.subarray(headEnd + 4, end)) });
    return end;
  }

  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (let used = step(); used > 0; used = step()) rest = rest.subarray(used);
  };
}

function couldBeRtsp(bytes: Buffer): boolean {
  return /^[A-Z_]{1,20}[ /]|^[A-Z_]{0,20}$/.test(bytes.toString("latin1", 0, 22));
}

function readHead(text: string): Omit<RtspMessage, "body"> {
  const [first = "", ...lines] = text.split("\r\n");
  const answer = first.match(/^RTSP\/\d\.\d (\d{3}) ?(.*)$/);
  const request = /^[A-Z_]+ \S+ RTSP\/\d\.\d$/.test(first);
  if (!answer && !request) {
    throw new UmecError("ONVIF_RTSP", `the answer is no RTSP: ${JSON.stringify(first.slice(0, 60))}`);
  }
  const headers: Record<string, string> = Object.create(null);
  for (const line of lines) {
    const at = line.indexOf(":");
    if (at <= 0) continue;
    const key = line.slice(0, at).trim().toLowerCase();
    const value = line.slice(at + 1).trim();
    headers[key] = headers[key] === undefined ? value : `${headers[key]}, ${value}`;
  }
  return { status: Number(answer?.[1] ?? 0), reason: answer?.[2] ?? "", headers };
}
