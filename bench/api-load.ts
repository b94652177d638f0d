/** Clients of api.ts that cost little: prepared bytes over kept TLS connections. */
import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";
import { Latency } from "./kit/figures.ts";
import { cpuMsOf } from "./kit/process.ts";

export interface Target {
  name: string;
  pid: number;
  port: number;
  /** What it shows. Empty: it is not looked at. */
  cert: string;
  headers: Readonly<Record<string, string>>;
}

export interface Measured {
  requestsPerS: number;
  p99Ms: number;
  /** Processor time of the server, in microseconds a request. */
  cpuUs: number;
}

export async function dial({ port, cert }: Target): Promise<TLSSocket> {
  const socket = connect({ host: "127.0.0.1", port, ca: cert, servername: "" });
  await once(socket, "secureConnect");
  return socket;
}

export function requestBytes(path: string, headers: Readonly<Record<string, string>>): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n${lines.join("")}\r\n`);
}

/** Asks over and over, with one request under way on each of `connections`. Rejects when an answer is not 200. */
export async function load(target: Target, path: string, connections: number, ms: number): Promise<Measured> {
  const sockets = await Promise.all(Array.from({ length: connections }, () => dial(target)));
  const bytes = requestBytes(path, target.headers);
  const latency = new Latency();
  const cpu = cpuMsOf(target.pid);
  const began = performance.now();
  const ends = sockets.map((socket) => askOverAndOver(socket, bytes, latency, began + ms));
  try {
    await Promise.all(ends);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
  const took = performance.now() - began;
  return {
    requestsPerS: (latency.count * 1000) / took,
    p99Ms: latency.percentile(99),
    cpuUs: ((cpuMsOf(target.pid) - cpu) * 1000) / latency.count,
  };
}

function askOverAndOver(socket: TLSSocket, bytes: Buffer, latency: Latency, until: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let sentAt = 0;
  let text = "";
  const ask = (): void => {
    sentAt = performance.now();
    socket.write(bytes);
  };
  socket.setEncoding("latin1");
  socket.on("data", (chunk: string) => {
    text += chunk;
    const end = text.indexOf("\r\n\r\n");
    if (end === -1) return;
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? Number.NaN);
    if (!text.startsWith("HTTP/1.1 200 ") || Number.isNaN(length)) reject(new Error(`the answer is ${text}`));
    if (text.length < end + 4 + length) return;
    const now = performance.now();
    latency.record(now - sentAt);
    text = "";
    if (now < until) ask();
    else resolve();
  });
  socket.once("error", reject);
  socket.once("close", () => reject(new Error("the server closed a connection")));
  ask();
  return promise;
}
