/** A forger on the port for nodes: speaks nats-server's leaf protocol by hand, so that no server of its own filters what it says. */
import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { parseCreds } from "@nats-io/jwt";
import { keyFromSeed } from "../nats/keys.ts";

export interface RawLeaf extends Disposable {
  /** A message with a body, and its reply subject. */
  say(subject: string, body: string, reply?: string): void;
  subscribe(subject: string): void;
  /** Resolves when all before was taken; rejects when the hub closed the link. */
  settle(): Promise<void>;
  /** What the hub complained of. */
  readonly errors: readonly string[];
  /** Messages that came: subject lines. */
  readonly heard: readonly string[];
}

export async function linkRaw(leafUrl: string, credentials: string, name: string): Promise<RawLeaf> {
  const { hostname, port } = new URL(leafUrl);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => undefined);
  const errors: string[] = [];
  const heard: string[] = [];
  let pong: PromiseWithResolvers<void> | undefined;
  const info = Promise.withResolvers<{ nonce: string }>();
  createInterface({ input: socket })
    .on("line", (line) => {
      if (line.startsWith("INFO ")) info.resolve(JSON.parse(line.slice(5)));
      else if (line.startsWith("-ERR")) errors.push(line);
      else if (/^[LH]MSG /.test(line)) heard.push(line);
      else if (line === "PONG") pong?.resolve();
      else if (line === "PING") socket.write("PONG\r\n");
    })
    .on("error", () => undefined);
  // Not the lines' own end: there is none after a reset.
  socket.once("close", () => pong?.reject(new Error(`closed: ${errors.join("; ")}`)));
  await once(socket, "connect");
  const { jwt, key } = await parseCreds(Buffer.from(credentials));
  const { nonce } = await info.promise;
  const sig = Buffer.from(keyFromSeed(key).sign(Buffer.from(nonce))).toString("base64url");
  const self = { jwt, sig, name, id: name, version: "2.15.1", headers: true };
  socket.write(`CONNECT ${JSON.stringify(self)}\r\n`);
  const leaf: RawLeaf = {
    errors,
    heard,
    say(subject, body, reply) {
      const to = reply === undefined ? "" : `${reply} `;
      socket.write(`LMSG ${subject} ${to}${Buffer.byteLength(body)}\r\n${body}\r\n`);
    },
    subscribe: (subject) => void socket.write(`LS+ ${subject}\r\n`),
    settle() {
      pong = Promise.withResolvers<void>();
      if (socket.destroyed) pong.reject(new Error(`closed: ${errors.join("; ")}`));
      else socket.write("PING\r\n");
      return pong.promise;
    },
    [Symbol.dispose]: () => void socket.destroy(),
  };
  await leaf.settle();
  return leaf;
}
