import assert from "node:assert/strict";
import { test } from "node:test";
import { countRtp, type RtpPacket, readRtp } from "./rtp.ts";
import { createRtspParser, type RtspMessage } from "./rtsp-parser.ts";
import { controlUrl, parseSdp } from "./sdp.ts";
import { type RtspFaults, startRtspSimulator } from "./simulator-rtsp.ts";
import { lookAtStream, type StreamLook } from "./stream.ts";
import { bench } from "./test-camera.ts";

const login = async () => ({ user: "admin", password: "s3cret" });

async function look(faults: RtspFaults, signal = new AbortController().signal): Promise<StreamLook> {
  await using server = await startRtspSimulator(faults);
  return await lookAtStream({
    uri: server.uri,
    host: "127.0.0.1",
    login,
    timeoutMs: 300,
    watchMs: 50,
    signal,
  });
}

test("packets are counted, and what is missing by their numbers, over 65535 as well", async () => {
  const { received, lost, media } = await look({ lose: [65_532, 1, 2] });
  assert.deepEqual([received, lost], [17, 3]);
  assert.equal(media[0]?.codec, "H264");
});

test("a digest of SHA-256 is answered, and Basic beside it is not", async () => {
  assert.equal((await look({ password: "s3cret" })).received, 20);
  await assert.rejects(look({ password: "other" }), { code: "ONVIF_UNAUTHORIZED" });
});

const cases: readonly [RtspFaults, code: string][] = [
  [{ at: "OPTIONS", how: "silent" }, "ONVIF_TIMEOUT"],
  [{ at: "DESCRIBE", how: "close" }, "ONVIF_INTERRUPTED"],
  [{ at: "DESCRIBE", how: "garbage" }, "ONVIF_RTSP"],
  [{ at: "DESCRIBE", how: "huge" }, "ONVIF_RTSP"],
  [{ at: "SETUP", how: "status-404" }, "ONVIF_RTSP_STATUS"],
];
for (const [faults, code] of cases) {
  test(`${faults.at} ${faults.how}: ${code}`, () => assert.rejects(look(faults), { code }));
}

test("nobody listens", async () => {
  const options = {
    host: "127.0.0.1",
    login,
    timeoutMs: 300,
    watchMs: 50,
    signal: new AbortController().signal,
  };
  await assert.rejects(lookAtStream({ uri: "rtsp://127.0.0.1:1/", ...options }), {
    code: "ONVIF_UNREACHABLE",
  });
  await assert.rejects(lookAtStream({ uri: "http://127.0.0.1:1/", ...options }), {
    code: "ONVIF_UNSUPPORTED",
  });
});

test("the signal ends a look", async () => {
  await assert.rejects(look({ at: "DESCRIBE", how: "silent" }, AbortSignal.timeout(20)), {
    name: "TimeoutError",
  });
});

test("a stream that answers and does not flow is told as an alarm; the camera is there all the same", async () => {
  await using server = await startRtspSimulator({ noPackets: true });
  await using at = await bench({ streamUri: server.uri }, { stream: { intervalMs: 100, watchMs: 50 } });
  const [stream] = await at.run.samples(({ name }) => name === "stream/online");
  assert.deepEqual(stream, { name: "stream/online", value: false, lane: "alarm" });
  await at.run.samples(({ name, value }) => name === "stream/packets" && value === 0);
  assert.ok(at.run.emitted.some(({ name, value }) => name === "online" && value === true));
});

test("a stream that does not answer is told with the reason", async () => {
  await using at = await bench({}, { stream: { intervalMs: 60_000 } });
  const [answer] = await at.run.samples(({ name }) => name === "stream/answer");
  assert.equal(answer?.quality, "bad");
  assert.match(answer?.reason ?? "", /can't be reached \(ECONNREFUSED\)/);
});

test("bytes may come in any pieces", () => {
  const bytes = Buffer.concat([
    Buffer.from("\r\nRTSP/1.0 200 OK\r\ncseq:1\r\nX: a\r\nX: b\r\nContent-Length: 3\r\n\r\nabc"),
    Buffer.from([0x24, 2, 0, 2, 9, 8]),
    Buffer.from("SET_PARAMETER rtsp://x RTSP/1.0\r\nCSeq: 9\r\n\r\n"),
  ]);
  for (const size of [1, 3, 7, bytes.length]) {
    const messages: RtspMessage[] = [];
    const packets: unknown[] = [];
    const parse = createRtspParser({
      message: (message) => messages.push(message),
      packet: (channel, packet) => packets.push([channel, ...packet]),
    });
    for (let at = 0; at < bytes.length; at += size) parse(bytes.subarray(at, at + size));
    assert.deepEqual(
      messages.map(({ status, headers, body }) => [status, headers.x, body.toString()]),
      [
        [200, "a, b", "abc"],
        [0, undefined, ""],
      ],
    );
    assert.deepEqual(packets, [[2, 9, 8]]);
  }
});

test("a head without end is refused", () => {
  const parse = createRtspParser({ message() {}, packet() {} });
  parse(Buffer.from("RTSP/1.0 200 OK\r\nX: "));
  assert.throws(() => parse(Buffer.alloc(20_000, 0x61)), { code: "ONVIF_RTSP" });
});

test("packets out of order and twice are no loss; a new source begins anew", () => {
  const packet = (sequence: number, ssrc = 1): RtpPacket => ({
    marker: false,
    payloadType: 96,
    sequence,
    timestamp: 0,
    ssrc,
    payload: Buffer.alloc(0),
  });
  const count = countRtp();
  for (const sequence of [10, 12, 11, 13, 13]) count.add(packet(sequence));
  assert.equal(count.lost, 0);
  count.add(packet(20));
  assert.equal(count.lost, 5);
  count.add(packet(40_000, 2));
  count.add(packet(40_002, 2));
  assert.deepEqual([count.received, count.lost], [8, 6]);
});

test("what is no RTP packet is none", () => {
  assert.equal(readRtp(Buffer.alloc(11)), undefined);
  assert.equal(readRtp(Buffer.alloc(12)), undefined);
  const padded = Buffer.alloc(16);
  padded[0] = 0xa0;
  padded[15] = 200;
  assert.equal(readRtp(padded), undefined);
});

test("control attributes, absolute, relative and left out", () => {
  assert.equal(controlUrl("rtsp://c/a/", "track1"), "rtsp://c/a/track1");
  assert.equal(controlUrl("rtsp://c/a", "track1"), "rtsp://c/a/track1");
  assert.equal(controlUrl("rtsp://c/a/", "rtsp://d/b"), "rtsp://d/b");
  assert.equal(controlUrl("rtsp://c/a/", undefined), "rtsp://c/a/");
  assert.deepEqual(parseSdp("m=audio 0 RTP/AVP 8\r\n").media, [
    { kind: "audio", payloadType: 8, codec: "PCMA", clockRate: 8000 },
  ]);
});
