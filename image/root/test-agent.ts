/**
 * Somebody at one place of a test's network: sends and receives datagrams and resolves names, as JSON lines on its standard
 * input ask for, and says on its standard output what came.
 *
 *     {"listen":5001}                                       → {"listens":5001}
 *     {"send":"text","to":"10.2.0.2","port":5001,"from":5001}  from a port that is listened on
 *     {"resolve":"a.example","type":"A","id":1}              → {"id":1,"records":[{"address","ttl"}]} or {"id":1,"error":"ENODATA"}
 *     (a datagram that came)                                → {"got":"text","at":5001}
 *
 * It answers a datagram `ping <text>` with `pong <text>`.
 */
import { createSocket, type Socket } from "node:dgram";
import { promises as dns } from "node:dns";
import { createInterface } from "node:readline";

export type Order =
  | { listen: number }
  | { send: string; to: string; port: number; from: number }
  | { resolve: string; type: "A" | "AAAA"; id: number };

const sockets = new Map<number, Socket>();

function say(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

async function listen(port: number): Promise<void> {
  const socket = createSocket("udp6");
  sockets.set(port, socket);
  socket.on("message", (message, { address, port: from }) => {
    const got = message.toString();
    say({ got, at: port });
    if (got.startsWith("ping ")) socket.send(`pong ${got.slice(5)}`, from, address);
  });
  await new Promise<void>((done) => socket.bind(port, "::", done));
  say({ listens: port });
}

async function resolve(name: string, type: "A" | "AAAA", id: number): Promise<void> {
  const resolver = new dns.Resolver({ timeout: 2000, tries: 1 });
  resolver.setServers(["127.0.0.1"]);
  try {
    const records =
      type === "A"
        ? await resolver.resolve4(name, { ttl: true })
        : await resolver.resolve6(name, { ttl: true });
    say({ id, records });
  } catch (error) {
    say({ id, error: (error as NodeJS.ErrnoException).code });
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line) as Order;
  if ("listen" in order) await listen(order.listen);
  else if ("resolve" in order) void resolve(order.resolve, order.type, order.id);
  else {
    const to = order.to.includes(":") ? order.to : `::ffff:${order.to}`;
    sockets.get(order.from)?.send(order.send, order.port, to);
  }
}
process.exit(0);
