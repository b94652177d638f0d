/**
 * Who holds connections. A connection is a stranger's until a request on it has shown who asks; strangers have few, and one
 * address no more than half of those, so nobody keeps others out without a good token. Who is known has a number of their
 * own, enough for as many streams as one may have and some requests beside them.
 */
import type { Server } from "node:http";
import type { Socket } from "node:net";
import { Problem } from "./problem.ts";

export interface Connections {
  /** @throws Problem 429 when `name` has too many already */
  know(socket: Socket, name: string): void;
}

export interface ConnectionLimits {
  strangers: number;
  ofOne: number;
}

interface Connection {
  address: string;
  /** Whose it is; absent: a stranger's. */
  name?: string;
}

export function limitConnections(server: Server, { strangers, ofOne }: ConnectionLimits): Connections {
  const ofAddress = createCounts();
  const ofName = createCounts();
  /** By both ends: the socket that connects is another object than the one that requests come by, where there is TLS. */
  const connections = new Map<string, Connection>();
  let strange = 0;

  function leave({ address, name }: Connection): void {
    if (name === undefined) {
      strange--;
      ofAddress.add(address, -1);
    } else ofName.add(name, -1);
  }

  server.on("connection", (socket: Socket) => {
    const { remoteAddress: address = "" } = socket;
    if (strange >= strangers || ofAddress.of(address) >= Math.ceil(strangers / 2)) {
      socket.destroy();
      return;
    }
    const id = idOf(socket);
    const connection: Connection = { address };
    connections.set(id, connection);
    strange++;
    ofAddress.add(address, 1);
    socket.once("close", () => {
      connections.delete(id);
      leave(connection);
    });
  });

  return {
    know(socket, name) {
      const connection = connections.get(idOf(socket));
      if (!connection || connection.name === name) return;
      const count = ofName.of(name);
      if (count >= ofOne)
        throw new Problem(
          429,
          "API_TOO_MANY_CONNECTIONS",
          `there are ${count} connections of yours already`,
          {
            hint: "close some, or use them for more than one request",
            headers: { connection: "close", "retry-after": "10" },
          },
        );
      leave(connection);
      connection.name = name;
      ofName.add(name, 1);
    },
  };
}

interface Counts {
  of(name: string): number;
  add(name: string, change: 1 | -1): void;
}

function createCounts(): Counts {
  const counts = new Map<string, number>();
  return {
    of: (name) => counts.get(name) ?? 0,
    add(name, change) {
      const count = (counts.get(name) ?? 0) + change;
      if (count > 0) counts.set(name, count);
      else counts.delete(name);
    },
  };
}

function idOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
