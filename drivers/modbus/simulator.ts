/**
 * A Modbus TCP server on loopback for tests, demos and trying things out: any number of units whose values
 * come from callbacks, and faults by script.
 *
 *     const meter = createMemory({ holding: { 0: 2301 } });
 *     await using simulator = await startSimulator({ units: { 1: meter } });
 *     meter.set("holding", 0, 2305);
 *     simulator.script(({ unit }) => (unit === 2 ? { kind: "silent" } : undefined));
 *
 * Units that do not exist are silent, as on a serial bus. MODBUS Messaging on TCP/IP V1.0b, section 4.4.2.
 */
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { mbap } from "./mbap.ts";
import { answer, type SimulatedUnit } from "./simulator-answer.ts";
import { describeRequest, type SimulatedRequest } from "./simulator-request.ts";

export { answer, createMemory, type Memory, type SimulatedUnit } from "./simulator-answer.ts";
export type { SimulatedRequest } from "./simulator-request.ts";

/** What may go wrong with one request. */
export type Fault =
  /** No reply at all. */
  | { kind: "silent" }
  /** The reply comes `delayMs` late. */
  | { kind: "slow"; delayMs: number }
  /** Exception `code` instead of an answer. */
  | { kind: "exception"; code: number }
  | { kind: "wrong-transaction-id" }
  | { kind: "wrong-unit" }
  /** The reply comes in two segments, cut after `at` bytes. */
  | { kind: "split"; at: number }
  /** The reply waits for the next one that does not, and both come in one segment. */
  | { kind: "hold" }
  /** Bytes that are no Modbus. */
  | { kind: "garbage" }
  /** The connection is cut without a reply. */
  | { kind: "disconnect" };

export interface SimulatorOptions {
  units: Readonly<Record<number, SimulatedUnit>>;
  /** @default "127.0.0.1" */
  host?: string;
  /** @default 0, any that is free */
  port?: number;
}

export interface Simulator extends AsyncDisposable {
  readonly port: number;
  /** The newest 10,000 requests, in the order of coming. */
  readonly requests: readonly SimulatedRequest[];
  /** Connections that stand. */
  readonly connections: number;
  /** Decides for each request what goes wrong; replaces the last script. Without one all is well. */
  script(faults: ((request: SimulatedRequest) => Fault | undefined) | undefined): void;
  /** Waits for the next request that fits. */
  request(fits: (request: SimulatedRequest) => boolean): Promise<SimulatedRequest>;
  /** Cuts all connections; new ones are welcome. */
  disconnectAll(): void;
  close(): Promise<void>;
}

const keptRequests = 10_000;

export async function startSimulator({
  units,
  host = "127.0.0.1",
  port = 0,
}: SimulatorOptions): Promise<Simulator> {
  const requests: SimulatedRequest[] = [];
  const waiting = new Set<(request: SimulatedRequest) => void>();
  const sockets = new Set<Socket>();
  let faults: (request: SimulatedRequest) => Fault | undefined = () => undefined;

  function serve(socket: Socket): void {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    let held = Buffer.alloc(0);

    const decode = mbap.createDecoder((id, unit, pdu) => {
      const request = describeRequest(unit, pdu);
      requests.push(request);
      if (requests.length > keptRequests) requests.shift();
      const fault = faults(request);
      for (const tell of [...waiting]) tell(request);
      if (fault?.kind === "silent") return;
      if (fault?.kind === "disconnect") return void socket.destroy();
      const reply =
        fault?.kind === "exception"
          ? Buffer.of(request.functionCode | 0x80, fault.code)
          : answer(units[unit], pdu);
      if (!reply) return;
      const replyId = fault?.kind === "wrong-transaction-id" ? id ^ 0x5555 : id;
      const replyUnit = fault?.kind === "wrong-unit" ? unit ^ 0x55 : unit;
      const adu = mbap.encode(replyId, replyUnit, reply);
      if (fault?.kind === "hold") held = Buffer.concat([held, adu]);
      else if (fault?.kind === "slow") setTimeout(() => socket.write(adu), fault.delayMs).unref();
      else if (fault?.kind === "split") void inTwo(socket, adu, fault.at);
      else if (fault?.kind === "garbage") socket.write("HTTP/1.1 400 Bad Request\r\n\r\n");
      else {
        socket.write(held.length > 0 ? Buffer.concat([held, adu]) : adu);
        held = Buffer.alloc(0);
      }
    });
    socket.on("data", (chunk) => {
      try {
        decode(chunk);
      } catch {
        socket.destroy();
      }
    });
  }

  const server = createServer(serve);
  server.listen(port, host);
  await once(server, "listening");
  const disconnectAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, "close");
    server.close();
    disconnectAll();
    await closed;
  };
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    get connections() {
      return sockets.size;
    },
    script(next) {
      faults = next ?? (() => undefined);
    },
    request: (fits) =>
      new Promise((resolve) => {
        const tell = (request: SimulatedRequest): void => {
          if (!fits(request)) return;
          waiting.delete(tell);
          resolve(request);
        };
        waiting.add(tell);
      }),
    disconnectAll,
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function inTwo(socket: Socket, adu: Buffer, at: number): Promise<void> {
  socket.write(adu.subarray(0, at));
  // Long enough for the first part to be read on its own.
  await delay(10);
  socket.write(adu.subarray(at));
}
