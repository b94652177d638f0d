/** An RTSP server for tests of what a good one does not do: it loses packets, is silent, ends, talks nonsense. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";

export interface RtspFaults {
  /** What it does instead of answering this method. */
  at?: string;
  how?: "silent" | "close" | "garbage" | "status-404" | "huge";
  /** Sequence numbers that it leaves out. */
  lose?: readonly number[];
  /** Sends no packet at all. */
  noPackets?: boolean;
  /** Wants this password, by a SHA-256 digest without qop. */
  password?: string;
}

export interface RtspSimulator extends AsyncDisposable {
  readonly uri: string;
  /** Methods that were asked for. */
  readonly methods: string[];
}

const sdp = [
  "v=0",
  "o=- 1 1 IN IP4 127.0.0.1",
  "s=camera",
  "t=0 0",
  "a=control:*",
  "m=video 0 RTP/AVP 96",
  "a=rtpmap:96 H264/90000",
  "a=control:track1",
  "",
].join("\r\n");

/** It sends 20 packets, numbers from 65530 on, when it is told to play. */
export async function startRtspSimulator(faults: RtspFaults = {}): Promise<RtspSimulator> {
  const methods: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      for (let end = text.indexOf("\r\n\r\n"); end >= 0; end = text.indexOf("\r\n\r\n")) {
        const request = text.slice(0, end);
        text = text.slice(end + 4);
        answer(socket, request);
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;

  function answer(socket: Socket, request: string): void {
    const [method = "", url = ""] = request.split(" ");
    const cseq = request.match(/CSeq: (\d+)/)?.[1];
    methods.push(method);
    const send = (status: string, headers: string[] = [], body = ""): void => {
      const all = [`CSeq: ${cseq}`, ...headers, ...(body === "" ? [] : [`Content-Length: ${body.length}`])];
      socket.write(`RTSP/1.0 ${status}\r\n${all.join("\r\n")}\r\n\r\n${body}`);
    };
    if (faults.at === method) {
      if (faults.how === "close") socket.end();
      if (faults.how === "garbage") socket.write("HTTP/1.1 400 Bad Request\r\n\r\n");
      if (faults.how === "status-404") send("404 Not Found");
      if (faults.how === "huge")
        socket.write(`RTSP/1.0 200 OK\r\nCSeq: ${cseq}\r\nContent-Length: 99999999\r\n\r\n`);
      return;
    }
    if (faults.password !== undefined && method !== "OPTIONS" && !admitted(method, url, request)) {
      send("401 Unauthorized", [
        'WWW-Authenticate: Basic realm="r"',
        'WWW-Authenticate: Digest realm="r", nonce="n", algorithm=SHA-256',
      ]);
      return;
    }
    if (method === "DESCRIBE")
      send("200 OK", ["Content-Type: application/sdp", `Content-Base: ${url}/`], sdp);
    else if (method === "SETUP")
      send("200 OK", ["Session: 42;timeout=60", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"]);
    else if (method === "PLAY") {
      // The answer and packets in one piece: they must be told apart.
      socket.cork();
      send("200 OK", ["Session: 42"]);
      if (!faults.noPackets) packets(socket);
      socket.uncork();
    } else send("200 OK");
  }

  function admitted(method: string, url: string, request: string): boolean {
    const hash = (text: string): string => createHash("sha256").update(text).digest("hex");
    const wanted = hash(`${hash(`admin:r:${faults.password}`)}:n:${hash(`${method}:${url}`)}`);
    return request.match(/response="(\w+)"/)?.[1] === wanted;
  }

  function packets(socket: Socket): void {
    for (let index = 0; index < 20; index++) {
      const sequence = (65_530 + index) & 0xffff;
      if (faults.lose?.includes(sequence)) continue;
      const packet = Buffer.alloc(16);
      packet.writeUInt16BE(0x8060, 0);
      packet.writeUInt16BE(sequence, 2);
      packet.writeUInt32BE(7, 8);
      const head = Buffer.from([0x24, 0, 0, packet.length]);
      socket.write(Buffer.concat([head, packet]));
    }
  }

  return {
    uri: `rtsp://127.0.0.1:${port}/live?channel=1`,
    methods,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
