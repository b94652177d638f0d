/** RTP (RFC 3550): the fixed header, and packets lost by their numbers (appendix A.3). */
export interface RtpPacket {
  marker: boolean;
  payloadType: number;
  sequence: number;
  timestamp: number;
  ssrc: number;
  payload: Buffer;
}

/** `undefined` for what is no RTP packet. */
export function readRtp(bytes: Buffer): RtpPacket | undefined {
  if (bytes.length < 12 || (bytes[0] ?? 0) >> 6 !== 2) return undefined;
  const first = bytes.readUInt8(0);
  const second = bytes.readUInt8(1);
  let start = 12 + 4 * (first & 0x0f);
  if (first & 0x10) {
    if (bytes.length < start + 4) return undefined;
    start += 4 + 4 * bytes.readUInt16BE(start + 2);
  }
  const padding = first & 0x20 ? (bytes.at(-1) ?? 0) : 0;
  const end = bytes.length - padding;
  if (start > end) return undefined;
  return {
    marker: (second & 0x80) !== 0,
    payloadType: second & 0x7f,
    sequence: bytes.readUInt16BE(2),
    timestamp: bytes.readUInt32BE(4),
    ssrc: bytes.readUInt32BE(8),
    payload: bytes.subarray(start, end),
  };
}

export interface RtpCount {
  add(packet: RtpPacket): void;
  readonly received: number;
  /** Never negative: a packet that came twice makes up for one that did not come. */
  readonly lost: number;
}

/** A jump by more than this is a new beginning, not a loss. */
const maxJump = 3000;

export function countRtp(): RtpCount {
  let ssrc: number | undefined;
  let base = 0;
  let highest = 0;
  let received = 0;
  let inRun = 0;
  let lostBefore = 0;
  const lostInRun = (): number => (ssrc === undefined ? 0 : Math.max(0, highest - base + 1 - inRun));
  return {
    get received() {
      return received;
    },
    get lost() {
      return lostBefore + lostInRun();
    },
    add(packet) {
      received += 1;
      // Into the range of the extended number, which goes on beyond 65535.
      const step = (((packet.sequence - highest) & 0xffff) ^ 0x8000) - 0x8000;
      if (ssrc !== packet.ssrc || Math.abs(step) > maxJump) {
        lostBefore += lostInRun();
        ssrc = packet.ssrc;
        base = packet.sequence;
        highest = base;
        inRun = 1;
        return;
      }
      inRun += 1;
      highest = Math.max(highest, highest + step);
    },
  };
}
